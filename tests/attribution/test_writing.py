"""Explanations as files: pictures with words, pages, arrays; images that are not square."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file
from typer.testing import CliRunner

import clipprobe
from clipprobe.attribution import explain, explain_many
from clipprobe.attribution.job import Job
from clipprobe.attribution.registry import METHODS, shared_pass
from clipprobe.attribution.target import targets_of
from clipprobe.attribution.writing import ScoreFindings, arrays, sheet_of, write_explained
from clipprobe.cli import app
from clipprobe.figures.attribution import below, words_in_colour

TEXT = "a red dog"


@pytest.fixture(scope="module")
def tall() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 20, 3), dtype=np.uint8)


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["explain", *map(str, arguments)])


def data_of(page: str) -> Any:
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


def test_words_carry_the_colour_of_their_value() -> None:
    strip = words_in_colour(["up", "down", "none"], [2.0, -1.0, 0.0], title="words", width=400)
    pixels = np.asarray(strip, int)[30]  # through the words' grounds
    orange = pixels[(pixels[:, 0] > pixels[:, 2] + 100)]
    blue = pixels[(pixels[:, 2] > pixels[:, 0] + 50)]
    assert len(orange) > 10 and len(blue) > 10
    assert (
        np.flatnonzero(pixels[:, 0] > pixels[:, 2] + 100).max()
        < np.flatnonzero(pixels[:, 2] > pixels[:, 0] + 50).min()
    )  # in the order of the words
    narrow = words_in_colour(["word"] * 9, np.arange(9.0), title="words", width=200)
    assert narrow.width == 200 and narrow.height > 2 * strip.height
    whole = below(strip, narrow)
    assert whole.size == (400, strip.height + narrow.height)


def test_a_picture_of_maps_words_and_pairs(clip: Any, tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    maps = [explain(clip, image, TEXT, name) for name in ("grad_eclip", "keep_only")]
    plain = sheet_of(clip, ScoreFindings(image=image, maps=maps))
    pairs = clipprobe.interactions(clip, image, TEXT, n_masks=64, n_unseen=0)
    words = clipprobe.explain_words(clip, image, TEXT)[0]
    full = ScoreFindings(image=image, maps=maps, words=words, pairs=pairs)
    sheet = sheet_of(clip, full)
    assert sheet.height > plain.height + 100 and sheet.width >= plain.width
    kept = arrays(full)
    assert (kept["keep_only.map"] == maps[1].map).all()
    assert (kept["interactions"] == pairs.matrix).all() and (kept["words"] == words.values).all()
    for suffix in (".png", ".html", ".safetensors"):
        write_explained(clip, full, tmp_path / f"map{suffix}")
    stored = load_file(tmp_path / "map.safetensors")
    assert set(stored) == set(kept) and (stored["grad_eclip.patches"] == maps[0].patches).all()
    data = data_of((tmp_path / "map.html").read_text("utf-8"))
    assert [one["name"] for one in data["layers"][:2]] == ["grad_eclip", "keep_only"]
    assert [one["word"] for one in data["layers"]] == [None, None, 0, 1, 2]
    assert [one["text"] for one in data["words"]] == ["a", "red", "dog"]
    column = np.array(data["layers"][3]["values"])
    assert np.abs(column - pairs.matrix[:, 1]).max() < 1e-5 * np.abs(column).max() + 1e-9


def test_the_command_writes_a_page_of_all_methods_of_the_shared_pass(
    clip: Any, checkpoint: Any, tmp_path: Path
) -> None:
    image = tmp_path / "<b>image.png"
    Image.new("RGB", (32, 32), (9, 99, 199)).save(image)
    out = tmp_path / "map.html"
    hostile = "a <img src=x onerror=alert(1)> dog"
    done = run(image, hostile, "--out", out, "--words", "occlusion", "--parts",
               "--model", checkpoint("clip"), "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["method"] == "head_tokens" and "others" not in said
    page = out.read_text("utf-8")
    data = data_of(page)
    assert {one["name"] for one in data["layers"]} == set(shared_pass(clip))
    assert data["layers"][0]["name"] == "head_tokens"
    assert "<img src=x" not in page and "onerror=alert(1)&gt;" in page
    assert "Heads, neurons and constants" in page
    done = run(image, "--unit", "vision.blocks.1.mlp.post:3", "--out", tmp_path / "unit.html",
               "--model", checkpoint("clip"))  # fmt: skip
    assert done.exit_code == 0, done.output
    assert len(data_of((tmp_path / "unit.html").read_text("utf-8"))["layers"]) == 1


def test_an_image_that_is_not_square_is_drawn_as_it_is(
    load_tiny: Any, tall: np.ndarray, tmp_path: Path
) -> None:
    clip = load_tiny("siglip2")
    maps = [explain(clip, tall, "a dog", name) for name in ("grad_eclip", "occlusion")]
    rows, columns = maps[0].grid
    assert rows > 2 * columns
    sheet = sheet_of(clip, ScoreFindings(image=tall, maps=maps[:1]))
    seen = clip.preprocess.to_grid(tall)
    assert seen.height > 2 * seen.width and sheet.height > 224
    write_explained(clip, ScoreFindings(image=tall, maps=maps), tmp_path / "map.html")
    data = data_of((tmp_path / "map.html").read_text("utf-8"))
    assert {(one["rows"], one["columns"]) for one in data["layers"]} == {(rows, columns)}
    assert len(data["layers"][0]["values"]) == rows * columns


def test_interpolated_position_embeddings_are_explained_patch_by_patch(
    load_tiny: Any, tall: np.ndarray
) -> None:
    """NaFlex interpolates its positions to each image's own grid; maps must follow that grid."""
    clip = load_tiny("siglip2")
    pixels = clip.preprocess([tall])
    side = pixels.shape[2] // explain(clip, tall, "a dog", "grad_eclip").grid[0]
    names = [n for n in shared_pass(clip) if n != "attention_rollout"] + ["keep_only", "attnlrp"]
    found = explain_many(clip, [tall], ["a dog"], {name: {} for name in names})
    score = float(clip.similarity([tall], ["a dog"])[0, 0])
    job = Job(clip, pixels, targets_of(clip, ["a dog"]))
    rows, columns = job.grid
    assert rows * columns != 16 or rows != columns  # not the grid that the table was learnt on
    for name, (one,) in found.items():
        assert one.grid == (rows, columns) and one.score == pytest.approx(score, abs=1e-6), name
    lrp = found["attnlrp"][0]
    assert float(lrp.map.sum()) + lrp.constant == pytest.approx(score, rel=1e-3)
    # What a patch's pixels do, one patch at a time, against the map that says so.
    lost = explain(clip, tall, "a dog", "occlusion", window=1).map
    direction = torch.from_numpy(clip.encode_texts(["a dog"])[0])
    for row, column in ((0, 0), (rows - 1, columns - 1), (rows // 2, 0)):
        covered = pixels.clone()
        covered[..., row * side : (row + 1) * side, column * side : (column + 1) * side] = 0
        under = float(clip.image_embeddings(covered)[0] @ direction)
        assert lost[row, column] == pytest.approx(score - under, abs=1e-6)
    # Two grids in one batch keep their own.
    square = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    both = explain_many(clip, [tall, square, tall], ["a dog"] * 3, {"grad_eclip": {}})["grad_eclip"]
    assert [one.grid for one in both] == [(rows, columns), (4, 4), (rows, columns)]
    assert np.abs(both[0].map - both[2].map).max() == 0
    assert METHODS["grad_eclip"].single_pass
