"""The examples of circuits, directions and effects in docs/neurons run as they stand, in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import clipprobe
from docs import renew

DOCS = Path(__file__).parents[3] / "docs"


def run(page: str, n_examples: int) -> dict[str, Any]:
    """What the examples of a page define; each but the first has at most eight lines."""
    path = DOCS / "neurons" / page
    examples = renew.examples(path)
    assert len(examples) == n_examples
    assert all(len(example.strip().splitlines()) <= 8 for example in examples[1:])
    return renew.example_values(path)


PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_takes_from_the_package_is_there_without_another_import(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) for line in
             code.splitlines() if not re.match(r"\s*(from|import) ", line)]  # fmt: skip
    named = set(re.findall(r"(?<![\w.\"'/])clipprobe\.(\w+)", "\n".join(lines)))
    assert named <= set(clipprobe.__all__)


def numbers(svg: str) -> tuple[list[str], np.ndarray]:
    """A text as its words between the numbers, and the numbers; colours as three of them."""
    spelt = re.sub(
        r"#([0-9a-f]{6})", lambda c: " ".join(str(v) for v in bytes.fromhex(c[1])), svg
    ).replace("\N{MINUS SIGN}", "-")
    number = r"-?\d+(?:\.\d+)?"
    return re.split(number, spelt), np.array(re.findall(number, spelt), float)


def differences(a: str, b: str) -> tuple[float, float]:
    """How far two pictures are apart: where and in which colour things stand, and what they say.

    The first is in pixels or of 255, the second in the units of the numbers that can be read.
    Infinite where other words or other things stand there.
    """
    apart = []
    for pattern, instead in ((r">[^<>]*<", "><"), (r"<[^<>]*>", " | ")):
        (words, values), (others, more) = (numbers(re.sub(pattern, instead, one)) for one in (a, b))
        apart.append(float(np.abs(values - more).max()) if words == others else np.inf)
    return apart[0], apart[1]


@pytest.fixture(scope="module")
def circuits() -> dict[str, Any]:
    return run("circuits.md", 9)


def test_the_circuit_tools_show_what_the_page_says(circuits: dict[str, Any]) -> None:
    share = circuits["sweep"].mean_share()
    assert abs(share[-1, 0] - 1) < 1e-3 and np.abs(share[-1, 1:]).max() < 1e-3
    assert abs(circuits["sweep"].mean_control()[-1, 0] - 1) > 0.1  # another pair, another answer
    assert circuits["lens"].accuracy(range(6))[-1].value >= 5 / 6
    assert np.isfinite(circuits["path"].effect).all() and circuits["path"].noise < 1e-3
    same = circuits["paths"]["MLP 4"]  # drawn is what the page shows first
    assert np.array_equal(same.effect, circuits["path"].effect)
    assert np.allclose(same.total, circuits["effects"]["all paths"])


def test_the_pictures_hold_what_the_tools_found(circuits: dict[str, Any]) -> None:
    def tags(name: str) -> list[str]:
        return [one.tag.rpartition("}")[2] for one in ElementTree.fromstring(circuits[name]).iter()]

    blocks = len(circuits["clip"].anatomy.vision.blocks)
    assert tags("sweep_svg").count("rect") == 1 + 2 * blocks * 65 + 5  # paper, cells, scale
    assert tags("lens_svg").count("circle") == 2 * blocks
    assert tags("head_svg").count("circle") == 6 * circuits["path"].effect.size
    words = [one.text for one in ElementTree.fromstring(circuits["heads_svg"]).iter()]
    assert sum(words.count(str(block)) for block in range(2, 6)) >= 4 * 6


@pytest.mark.parametrize("picture", renew.DRAWN)
def test_the_pictures_of_the_page_are_those_of_these_weights(
    circuits: dict[str, Any], picture: str
) -> None:
    shown = (DOCS / "images" / picture).read_text(encoding="utf-8")
    drawn = circuits[renew.DRAWN[picture]]
    assert circuits["weights"] in shown, "run docs/renew.py --draw"
    placed, said = differences(shown, drawn)
    assert placed < 2 and said < 0.015  # shares have two decimals, and the last may be rounded
    assert f"../images/{picture})" in renew.CIRCUITS.read_text(encoding="utf-8")
    assert differences(drawn.replace("</text>", ".</text>", 1), drawn) == (0, np.inf)


def test_a_share_that_is_off_by_a_twentieth_is_seen(circuits: dict[str, Any]) -> None:
    drawn = circuits["sweep_svg"]
    share = re.search(r"class (\d\.\d\d)<", drawn)
    assert share is not None
    other = drawn.replace(share[0], f"class {float(share[1]) + 0.05:.2f}<", 1)
    placed, said = differences(other, drawn)
    assert placed == 0 and said == pytest.approx(0.05)


def test_effects_are_kept_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run("effects.md", 2)
    assert names["parts"].gap < 1e-3 and names["agreement"].n_units == 8
    assert names["likest"][0].startswith(names["site"]) or names["likest"][1].n == 8
    assert names["joy"].target == "joy" and (tmp_path / "joy" / "compositions.json").is_file()
    assert (tmp_path / "similar" / "report.html").is_file()


def test_directions_do_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run("directions.md", 5)
    probe, *random = [float(abs(change.mean())) for change in names["changes"]]
    assert names["changes"][0].mean() == probe > max(random)
    clip, embedded = names["clip"], names["clip_embeddings"]
    texts = clip.encode_texts(["a picture of a dog", "a picture of a cat"])
    read = names["logits"]["vision.projected.class"].numpy()
    assert np.abs(read - clip.logits(embedded, texts)).max() < 1e-4
    top = names["atlas"].unit("vision.blocks.4.resid_post.probe:0").top
    assert [names["labels"][one.image] for one in top][:3] == [names["labels"][0]] * 3
    assert (tmp_path / "probe.safetensors").is_file()
    assert not np.allclose(names["without"].encode_images(names["images"][:2]), embedded[:2])
