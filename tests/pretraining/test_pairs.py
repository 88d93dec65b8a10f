"""Training on a user's own pairs: split, epochs, batches, what cannot be used, and the command."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pretraining.small import small_recipe
from typer.testing import CliRunner

from clipprobe.cli import app
from clipprobe.errors import DataError
from clipprobe.pretraining import recipe as recipes
from clipprobe.pretraining.pairs import _epoch, _split, open_pairs
from clipprobe.pretraining.retrieval import _hits

COLOURS = ["red", "green", "blue", "white", "black", "yellow"]


def write_table(folder: Path, captions: list[str], column: str = "caption") -> Path:
    folder.mkdir(exist_ok=True)
    rows = []
    for i, caption in enumerate(captions):
        colour = caption.split()[-1] if caption else "red"
        Image.new("RGB", (40 + i, 30), colour if colour in COLOURS else "gray").save(
            folder / f"{i:03d}.png"
        )
        rows.append({"file_name": f"{i:03d}.png", column: caption})
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, ["file_name", column])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "metadata.csv"


def test_an_epoch_shows_each_pair_once_and_no_caption_twice_in_a_batch(tmp_path: Path) -> None:
    captions = [f"picture {i} in {COLOURS[i % 6]}" for i in range(30)] + ["a red"] * 3
    table = write_table(tmp_path / "a", captions)
    spec, failures = open_pairs(table, seed=1, size_px=64, patch_px=8)
    assert not failures
    trained, held = _split(spec)
    assert len(held) == 3 and len(trained) == 30
    assert not {r.id for r in trained} & {r.id for r, _ in spec.held_out()}
    batches = _epoch(spec, 0)
    shown = Counter(i for batch in batches for i in batch)
    assert max(shown.values()) == 1
    for batch in batches:
        said = [trained[i].attributes["caption"] for i in batch]
        assert len(set(said)) == len(said) > 1
    assert batches != _epoch(spec, 1)


def test_a_batch_depends_on_its_step_only_and_shows_its_images(tmp_path: Path) -> None:
    table = write_table(tmp_path / "a", [f"no {i} {c}" for i, c in enumerate(COLOURS * 3)])
    spec, _ = open_pairs(table, seed=0, size_px=64, patch_px=8)
    batch = spec.draw(2, 0.0)
    assert np.array_equal(batch.pixels, spec.draw(2, 1.0).pixels)
    assert batch.pixels.shape == (len(batch.captions), 64, 64, 3)
    expected = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255)}
    for pixels, caption in zip(batch.pixels, batch.captions, strict=True):
        colour = caption.split()[-1]
        if colour in expected:
            assert tuple(pixels[32, 32]) == expected[colour]
    assert (np.diff(batch.kept, axis=1) > 0).all() and batch.kept.shape[1] == 32


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    table = write_table(tmp_path / "a", [f"no {i} red" for i in range(8)] + [""])
    (tmp_path / "a" / "003.png").write_bytes(b"no image")
    spec, failures = open_pairs(table, seed=0, size_px=64, patch_px=8)
    assert [f.id for f in failures] == ["003.png", "008.png"]
    assert failures[1].reason == "no caption"
    assert spec.left_out == ("003.png", "008.png")
    with pytest.raises(DataError, match="no captions"):
        open_pairs(write_table(tmp_path / "b", ["x", "y"], "title"), seed=0, size_px=64, patch_px=8)
    with pytest.raises(DataError, match="at least 4"):
        open_pairs(write_table(tmp_path / "c", ["x", "y"]), seed=0, size_px=64, patch_px=8)
    with pytest.raises(DataError, match="are the same"):
        open_pairs(write_table(tmp_path / "d", ["same"] * 9), seed=0, size_px=64, patch_px=8)


def test_recall_counts_equal_captions_as_right_and_ties_as_wrong() -> None:
    same = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    scores = np.array([[0.1, 0.9, 0.5], [0.2, 0.1, 0.3], [0.7, 0.0, 0.7]], dtype=np.float32)
    assert _hits(scores, same, 1).tolist() == [True, False, False]
    assert _hits(scores, same, 2).tolist() == [True, True, True]


def test_the_command_trains_on_pairs_and_measures_held_out_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipes.RECIPES, "emoji-clip", small_recipe)
    table = write_table(tmp_path / "a", [f"no {i} {c}" for i, c in enumerate(COLOURS * 5)])
    (tmp_path / "a" / "004.png").write_bytes(b"")
    arguments = ["pretrain", "--pairs", str(table), "--steps", "3", "--device", "cpu"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    assert "1 pairs cannot be used and are left out (004.png" in result.stderr
    abilities = {a["name"]: a for a in json.loads(result.stdout)["abilities"]}
    assert abilities["image_to_text_recall_1"]["n"] == 3
    card = (tmp_path / "out/model/README.md").read_text()
    assert "1 images could not be used" in card and "emoji-clip on pairs" in card
    assert not (tmp_path / "out/model/planted.json").exists()
    # Another table is another run.
    other = write_table(tmp_path / "b", [f"{i} {c}" for i, c in enumerate(COLOURS * 5)])
    arguments[2] = str(other)
    again = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert again.exit_code == 2 and "another recipe" in again.output
