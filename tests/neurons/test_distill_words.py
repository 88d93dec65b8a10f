"""The comparison with the article's published lists, and the two commands."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from clipprobe.cli import app
from clipprobe.errors import ConfigError, DataError
from clipprobe.hooks.units import Site
from clipprobe.neurons.words import WordProbe
from clipprobe.neurons.words.distill import compare_distill, read_published
from clipprobe.neurons.words.result import SiteWords

REGIONAL = Path(__file__).parents[3] / "shared" / "data" / "distill" / "regional"
ADD = "vision.layer4.5.add"
WORDS = tuple(f"word{i:03}" for i in range(200))


def probe(n_units: int = 8, model: str = "open_clip:RN50x4/openai") -> WordProbe:
    """Unit u answers most to word u, then to u + 1 and so on."""
    value = np.stack(
        [-((np.arange(200) - unit) % 200).astype(np.float32) for unit in range(n_units)], axis=1
    )
    zeros = np.zeros(n_units)
    held = SiteWords(
        value=value, standard_error=value * 0, mean=value.mean(0, dtype=float),
        std=value.std(0, dtype=float), blank=zeros, scrambled_mean=zeros, scrambled_high=zeros,
    )  # fmt: skip
    site = Site(
        name=ADD, unit="channel", n_units=n_units, layout="map", grid=(9, 9), class_token=False
    )
    config = {
        "model": {"id": model},
        "pool": "max",
        "n_blocks": 0,
        "grid": {"fonts": ["a", "b"], "sizes": [0.2], "places": ["center"]},
    }
    return WordProbe(
        sites={ADD: site}, words=WORDS, left_out=(), n_shrunk=np.zeros(200, np.int32),
        n_scrambled=0, values={ADD: held}, config=config, versions={},
    )  # fmt: skip


def published(folder: Path, lists: list[tuple[str, int, list[str]]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "units.json").write_text(json.dumps([[model, unit] for model, unit, _ in lists]))
    (folder / "top_words.json").write_text(json.dumps([words for _, _, words in lists]))
    return folder


def test_overlap_and_chance_are_as_by_hand(tmp_path: Path) -> None:
    same = list(WORDS[3:23])
    half = [*WORDS[0:10], *WORDS[100:108], "Word150", "notprobed"]
    folder = published(
        tmp_path, [("contrastive_4x", 3, same), ("other", 1, same), ("contrastive_4x", 0, half)]
    )
    found = compare_distill(probe(), folder)
    assert [(row.unit, row.depth, row.overlap) for row in found.rows] == [
        (f"{ADD}:3", 5, 5), (f"{ADD}:3", 20, 20), (f"{ADD}:0", 5, 5), (f"{ADD}:0", 20, 10),
    ]  # fmt: skip
    last = found.rows[-1]
    assert last.n_probed == 19 and last.expected == pytest.approx(20 * 19 / 200)
    assert last.shared == WORDS[:10] and last.p < 1e-5
    assert found.rows[0].expected == pytest.approx(5 * 5 / 200)
    assert found.median == {5: 5.0, 20: 15.0}
    assert not found.is_article_model and "RN50x4" in found.reason  # 8 channels are not 2560


def test_expected_overlap_is_what_random_lists_give(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lists = [
        ("contrastive_4x", 0, [WORDS[i] for i in rng.permutation(200)[:20]]) for _ in range(400)
    ]
    rows = [row for row in compare_distill(probe(), published(tmp_path, lists)).rows]
    for depth, expected in ((5, 0.125), (20, 2.0)):
        mine = [row for row in rows if row.depth == depth]
        spread = np.std([row.overlap for row in mine]) / 20
        assert abs(np.mean([row.overlap for row in mine]) - expected) < 4 * spread
        assert mine[0].expected == pytest.approx(expected)
    # p of a discrete statistic is at or above its share
    assert np.mean([row.p <= 0.05 for row in rows]) < 0.08


def test_the_released_model_is_known_by_name_and_width(tmp_path: Path) -> None:
    folder = published(tmp_path, [("contrastive_4x", 89, list(WORDS[:20]))])
    found = compare_distill(probe(2560), folder)
    assert found.is_article_model and not found.reason
    assert not compare_distill(probe(2560, "open_clip:RN50x4/laion"), folder).is_article_model


def test_what_is_no_published_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be read"):
        read_published(tmp_path)
    published(tmp_path, [("contrastive_v1", 1, ["a"])])
    with pytest.raises(DataError, match="it has contrastive_v1"):
        read_published(tmp_path)
    (tmp_path / "units.json").write_text('[["contrastive_4x", 1], ["contrastive_4x", 2]]')
    with pytest.raises(DataError, match="names 2 units and holds 1"):
        read_published(tmp_path)
    (tmp_path / "units.json").write_text('[["contrastive_4x", "one"]]')
    with pytest.raises(DataError, match="pair of model and unit"):
        read_published(tmp_path)
    (tmp_path / "units.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        read_published(tmp_path)
    published(tmp_path, [("contrastive_4x", 99, ["a"])])
    with pytest.raises(ConfigError, match="go up to 99"):
        compare_distill(probe(), tmp_path)


def test_the_real_folder_holds_nineteen_lists() -> None:
    if not REGIONAL.is_dir():
        pytest.skip(f"{REGIONAL} is not there")
    lists = read_published(REGIONAL)
    assert len(lists) == 19 and len({one.unit for one in lists}) == 19
    assert all(len(one.words) == 20 and one.unit < 2560 for one in lists)
    counts = Counter(pair[0] for pair in json.loads((REGIONAL / "units.json").read_text()))
    for model, n in counts.items():
        assert len(read_published(REGIONAL, model)) == n


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["neurons", *map(str, arguments)])


def test_the_words_command(checkpoint: Any, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("dog\ncat\nerotic\nowl\n")
    common = ("words", "--model", checkpoint("clip"), "--words", words, "--fonts", "DejaVuSans")
    small = ("--fonts", "ComicNeue-Bold", "--sizes", 0.3, "--places", "center", "--scrambled", 2)
    unit = "vision.blocks.-1.mlp.post:4"
    done = invoke(*common, *small, "--unit", unit, "--out", tmp_path / "run", "--top", 2, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["n_words"] == 3 and data["n_blocked"] == 1 and data["n_renderings"] == 2
    assert data["units"][0]["address"] == "vision.blocks.2.mlp.post:4"
    assert len(data["units"][0]["top"]) == 2
    assert "erotic" not in done.output
    kept = invoke(*common, *small, "--keep-offensive", "--unit", unit, "--out", tmp_path / "all")
    assert kept.exit_code == 0 and "Content warning" in kept.stderr
    assert "4 words" in kept.stdout and "image-modality invariance" in kept.stdout
    wrong = invoke(*common, "--out", tmp_path / "x", "--compare-distill", tmp_path)
    assert wrong.exit_code == 2 and "units.json" in wrong.stderr and not (tmp_path / "x").exists()
    folder = published(tmp_path / "regional", [("contrastive_4x", 1, ["dog"])])
    wrong = invoke(*common, *small, "--out", tmp_path / "run2", "--compare-distill", folder)
    assert wrong.exit_code == 2 and "RN50x4" in wrong.stderr


def test_the_captions_command(checkpoint: Any, tmp_path: Path) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("a dog\na cat\nan owl\n")
    common = ("captions", "--model", checkpoint("clip"), "--captions", captions)
    vision = ("--unit", "vision.blocks.-1.mlp.post:4", "--random", 9, "--out", tmp_path / "v")
    done = invoke(*common, *vision)
    assert done.exit_code == 0, done.output
    assert "cross-tower alignment" in done.stdout and "linearised" in done.stdout
    text = ("--sites", "text.blocks.0.mlp.post", "--pool", "max", "--out", tmp_path / "t")
    done = invoke(*common, *text, "--json")
    data = json.loads(done.stdout)
    assert data["claim"] == "text tower alone" and len(data["units"]) == 20
    assert "max over tokens" in data["units"][0]["name"]
    for wrong in ((), ("--unit", "vision.projected:1", "--unit", "text.projected:1")):
        done = invoke(*common, *wrong, "--out", tmp_path / "w")
        assert done.exit_code == 2 and not (tmp_path / "w").exists()
    done = invoke(*common, *text, "--images", tmp_path)
    assert done.exit_code == 2 and "--images is for vision units" in done.stderr
