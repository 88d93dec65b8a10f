"""The scan: right values and places, what cannot be read, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clipprobe
from clipprobe.errors import (
    ConfigError,
    DataError,
    NoReadableImagesError,
    UnknownHookPointError,
    UnreadableImageError,
    UnsupportedHookError,
)
from clipprobe.neurons import Atlas, scan

POST = "vision.blocks.1.mlp.post"
N = 75


@pytest.mark.parametrize("pool", ["max", "mean", "cls"])
def test_values_are_those_of_a_capture(clip: Any, pictures: Path, pool: str) -> None:
    atlas = scan(clip, pictures, sites=[POST], pool=pool, top_k=N, batch_size=8)
    used = [
        r
        for r, reason in zip(atlas.images.records, atlas.images.reasons, strict=True)
        if not reason
    ]
    with clipprobe.capture(clip, [POST]) as seen:
        clip.encode_images([record.source for record in used], batch_size=8)
    tokens = seen[POST]
    pooled = {"max": tokens.amax(1), "mean": tokens.mean(1), "cls": tokens[:, 0]}[pool].numpy()
    for index in (0, 17):
        unit = atlas.unit(f"{POST}:{index}")
        expected = sorted(zip(pooled[:, index].tolist(), [r.id for r in used], strict=True))
        assert {one.id: one.value for one in unit.top} == {name: v for v, name in expected}
        assert [one.value for one in unit.top] == [v for v, _ in expected][::-1]
        assert unit.mean == pytest.approx(pooled[:, index].mean(dtype=np.float64), abs=1e-9)
        assert unit.std == pytest.approx(pooled[:, index].std(dtype=np.float64), abs=1e-9)
        strongest = unit.top[0]
        if pool == "max":
            row = [r.id for r in used].index(strongest.id)
            assert strongest.token == int(tokens[row, :, index].argmax())
        else:
            assert strongest.token is None


def test_a_token_lies_where_its_patch_is(clip: Any) -> None:
    """On black pictures with one white patch, whatever answers to white fires on that patch."""
    places = [(r, c) for r in range(4) for c in range(4)]
    images = []
    for row, column in places:
        pixels = np.zeros((32, 32, 3), np.uint8)
        pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 255
        images.append(pixels)
    atlas = scan(clip, images, sites=["vision.embed"], top_k=16)
    with clipprobe.capture(clip, ["vision.embed"]) as seen:
        clip.encode_images(images)
    maps = seen["vision.embed"].numpy()
    answering = [u for u in range(maps.shape[1]) if maps[0, u, 0, 0] > maps[0, u, 3, 3]]
    assert answering
    for unit in answering:
        for firing in atlas.unit(f"vision.embed:{unit}").top:
            assert firing.place == places[firing.image]


def test_loading_gives_back_what_was_scanned(clip: Any, pictures: Path, whole: Atlas) -> None:
    fresh = scan(clip, pictures, batch_size=8)
    assert fresh.config == whole.config and fresh.sites == whole.sites
    for name, statistics in fresh.statistics.items():
        loaded = whole.statistics[name].state()
        for key, array in statistics.state().items():
            assert array.dtype == loaded[key].dtype, key
            assert array.tobytes() == loaded[key].tobytes(), key
    address = f"{POST}:3"
    assert fresh.unit(address).to_json() == whole.unit(address).to_json()


def test_unreadable_images_are_counted_and_named(whole: Atlas) -> None:
    assert whole.images.n_used == N
    assert [failure.id for failure in whole.images.failures] == ["green/damaged.png"]
    assert "image" in whole.images.failures[0].reason
    assert whole.path is not None
    manifest = clipprobe.runs.load_run(whole.path).manifest
    assert manifest["counts"] == {"used": N, "skipped": 0, "failed": 1}
    assert all(int(s.count[0]) == N for s in whole.statistics.values())


def test_nothing_readable_fails(clip: Any, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(NoReadableImagesError, match=r"a\.png"):
        scan(clip, tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sites": ["vision.blocks.1.mlp.pots"]}, UnknownHookPointError, "nearest"),
        ({"sites": ["text.blocks.0.mlp.post"]}, UnsupportedHookError, "text tower"),
        ({"sites": ["vision.blocks.0.attn.z"]}, UnsupportedHookError, "single number per token"),
        ({"sites": ["vision.pooled"]}, UnsupportedHookError, "one vector per input"),
        ({"pool": "none"}, UnsupportedHookError, "choose pool"),
        ({"pool": "median"}, ConfigError, "median"),
        ({"top_k": 0}, ConfigError, "top_k"),
        ({"shard": (3, 3)}, ConfigError, "shard"),
        ({"shard": (99, 100)}, DataError, "fewer shards"),
    ],
)
def test_what_cannot_be_done_is_refused(
    clip: Any, pictures: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        scan(clip, pictures, **options)


def test_vectors_are_scanned_without_pooling(clip: Any, pictures: Path) -> None:
    atlas = scan(clip, pictures, sites=["vision.projected"], pool="none")
    unit = atlas.unit("vision.projected:3")
    assert unit.name == "vision.projected:3 (one value per image)"
    assert unit.top[0].token is None


def test_models_without_a_class_token_number_patches_from_0(load_tiny: Any, pictures: Path) -> None:
    clip = load_tiny("siglip")
    atlas = scan(clip, pictures, sites=[POST], top_k=N)
    firings = [f for unit in range(64) for f in atlas.unit(f"{POST}:{unit}").top]
    assert {f.token for f in firings} == set(range(16))
    assert all(f.token is not None and f.place == divmod(f.token, 4) for f in firings)


def test_a_grid_that_depends_on_the_image_gives_no_places(load_tiny: Any, pictures: Path) -> None:
    clip = load_tiny("siglip2")
    tall = Image.new("RGB", (20, 60), (9, 99, 200))
    atlas = scan(clip, [*sorted(pictures.glob("red/*.png")), tall], sites=[POST])
    assert atlas.images.n_used == 26
    top = atlas.unit(f"{POST}:0").top
    assert all(f.token is not None and f.place is None for f in top)


def test_pictures_come_back_until_they_are_gone(clip: Any, tmp_path: Path) -> None:
    for value in (10, 200):
        Image.new("RGB", (32, 32), (value, value, value)).save(tmp_path / f"{value}.png")
    scan(clip, tmp_path, out=tmp_path.parent / f"{tmp_path.name}-atlas")
    atlas = Atlas.load(tmp_path.parent / f"{tmp_path.name}-atlas")
    assert atlas.picture(0).getpixel((0, 0)) == (10, 10, 10)
    (tmp_path / "10.png").unlink()
    with pytest.raises(UnreadableImageError, match=r"10\.png"):
        atlas.picture(0)


def test_awkward_images_are_read_or_named(clip: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8))
    rgb.resize((1, 1)).save(tmp_path / "one.png")
    rgb.resize((20000, 20)).save(tmp_path / "long.png")
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg")
    rgb.convert("P").save(tmp_path / "palette.png")
    rgb.convert("LA").save(tmp_path / "alpha.png")
    Image.fromarray(rng.integers(0, 65536, (40, 50)).astype(np.uint16)).save(tmp_path / "deep.png")
    rgb.save(tmp_path / "moving.gif", save_all=True, append_images=[rgb.rotate(90)])
    (tmp_path / "cut.png").write_bytes((tmp_path / "palette.png").read_bytes()[:200])
    (tmp_path / "empty.jpg").touch()
    atlas = scan(clip, tmp_path, sites=[POST], out=tmp_path.parent / f"{tmp_path.name}-atlas")
    assert [failure.id for failure in atlas.images.failures] == ["cut.png", "empty.jpg"]
    assert all(failure.reason for failure in atlas.images.failures)
    assert atlas.unit(f"{POST}:0").n_images == 7
