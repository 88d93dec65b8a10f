"""The examples of circuits, directions and effects in docs/neurons run as they stand, in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

DOCS = Path(__file__).parents[3] / "docs"
PICTURE = DOCS / "images" / "logit-lens.svg"


def run(page: str, n_examples: int) -> dict[str, Any]:
    """What the examples of a page define; each but the first has at most eight lines."""
    text = (DOCS / "neurons" / page).read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(examples) == n_examples
    names: dict[str, Any] = {}
    for number, example in enumerate(examples):
        assert number == 0 or len(example.strip().splitlines()) <= 8
        exec(compile(example, f"example {number}", "exec"), names)
    return names


def test_the_circuit_tools_show_what_the_page_says() -> None:
    names = run("circuits.md", 6)
    share = names["found"].mean_share()
    assert abs(share[-1, 0] - 1) < 1e-3 and abs(share[-1, 1]) < 1e-3
    assert names["lens"].accuracy(range(6))[-1].value >= 5 / 6
    assert np.isfinite(names["path"].effect).all() and names["path"].noise < 1e-3
    parts = [one.tag for one in ElementTree.fromstring(names["svg"]).iter()]
    assert sum(tag.endswith("circle") for tag in parts) == 2 * len(names["lens"].sites)
    shown = PICTURE.read_text(encoding="utf-8")
    if names["clip"].weights_sha256[:12] in shown:  # of other weights it is renewed with them
        assert names["svg"] == shown


def test_effects_are_kept_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run("effects.md", 2)
    assert names["found"].gap < 1e-3 and names["agreement"].n_units == 8
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
