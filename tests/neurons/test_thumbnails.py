"""An atlas keeps what the model saw of every image that it shows, whatever the shards."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

import clipprobe
from clipprobe.cli import app
from clipprobe.neurons import Atlas, merge_atlases, scan
from clipprobe.neurons.atlas import scanning
from clipprobe.neurons.atlas.showing import firing_image
from clipprobe.neurons.atlas.thumbnails import FILE, SIDE, encoded, thumbnail

POST = "vision.blocks.1.mlp.post"
SMALL: dict[str, Any] = {"sites": [POST], "top_k": 2, "per_bin": 1, "batch_size": 8}


def as_array(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_every_image_that_is_shown_is_kept_as_the_model_saw_it(
    clip: Any, pictures: Path, tmp_path: Path
) -> None:
    scan(clip, pictures, out=tmp_path / "atlas", **SMALL)
    atlas = Atlas.load(tmp_path / "atlas")
    tables = [pq.read_table(tmp_path / "atlas" / f"{name}.parquet") for name in ("topk", "bins")]
    shown = sorted({number for table in tables for number in table["image"].to_pylist()})
    assert list(atlas.thumbnails) == shown and len(shown) < len(atlas.images)
    assert pq.read_table(tmp_path / "atlas" / FILE)["image"].to_pylist() == shown
    for number in shown:
        view = clip.preprocess.to_grid(atlas.picture(number)).convert("RGB")
        assert np.array_equal(as_array(atlas.thumbnails[number]), np.asarray(view))
    other = next(number for number in range(len(atlas.images)) if number not in shown)
    assert atlas.thumbnail(other) is None


def test_shards_resumption_and_saving_give_the_same_bytes(
    clip: Any, pictures: Path, tmp_path: Path
) -> None:
    whole = scan(clip, pictures, out=tmp_path / "whole", **SMALL)
    parts = [
        scan(clip, pictures, out=tmp_path / f"part-{i}", shard=(i, 3), workers=i, **SMALL)
        for i in range(3)
    ]
    merge_atlases([parts[2], parts[0], parts[1]]).save(tmp_path / "merged")
    scan(clip, pictures, **SMALL).save(tmp_path / "saved")
    data = (tmp_path / "whole" / FILE).read_bytes()
    assert len(whole.thumbnails) > 3
    assert (tmp_path / "merged" / FILE).read_bytes() == data
    assert (tmp_path / "saved" / FILE).read_bytes() == data


def test_sheets_show_images_that_were_moved_away(clip: Any, pictures: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(pictures, tmp_path / "pictures")
    scan(clip, folder, out=tmp_path / "with", **SMALL)
    scan(clip, folder, out=tmp_path / "without", thumbnails=False, **SMALL)
    shutil.rmtree(folder)
    shown = {}
    for name in ("with", "without"):
        atlas = Atlas.load(tmp_path / name)
        site = atlas.site(POST)
        first = atlas.unit(f"{POST}:3").top[0]
        shown[name] = np.asarray(firing_image(atlas, site, first))
    assert len(np.unique(shown["without"].reshape(-1, 3), axis=0)) == 2  # a cross on grey
    assert len(np.unique(shown["with"].reshape(-1, 3), axis=0)) > 2


def test_they_can_be_left_out_and_are_for_many_images_and_texts(
    clip: Any, pictures: Path, tmp_path: Path, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["neurons", "scan", "--images", str(pictures), "--model", str(checkpoint("clip")),
             "--sites", POST, "--limit", "5", "--out", str(tmp_path / "cli")]  # fmt: skip
    done = CliRunner().invoke(app, [*words, "--no-thumbnails"])
    assert done.exit_code == 0, done.output
    assert pq.read_table(tmp_path / "cli" / FILE).num_rows == 0
    assert dict(Atlas.load(tmp_path / "cli").thumbnails) == {}
    texts = clipprobe.scan_texts(clip, ["a", "b"], out=tmp_path / "texts")
    assert pq.read_table(tmp_path / "texts" / FILE).num_rows == 0
    assert texts.config["thumbnails"] is False
    monkeypatch.setattr(scanning, "MOST_IMAGES", 4)
    many = scan(clip, pictures, limit=5, **SMALL)
    assert many.config["thumbnails"] is False and not many.thumbnails


def test_large_views_are_small_and_small_ones_exact(clip: Any) -> None:
    noise = Image.effect_noise((128, 100), 90).convert("RGB")
    assert np.array_equal(as_array(encoded(noise)), np.asarray(noise))
    large = Image.effect_noise((400, 300), 40).convert("RGB")
    assert len(encoded(large)) < 0.4 * 400 * 300 * 3
    data = thumbnail(clip, large)
    assert max(Image.open(io.BytesIO(data)).size) == min(SIDE, clip.image_size)
