"""Where in one image a unit fires."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.errors import UnknownHookPointError, UnsupportedHookError
from clipprobe.neurons import scan, unit_map
from clipprobe.runs.jsonio import dumps

POST = "vision.blocks.1.mlp.post"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("pool", ["max", "mean", "cls"])
def test_the_map_pools_to_what_the_atlas_holds(clip: Any, picture: np.ndarray, pool: str) -> None:
    found = unit_map(clip, picture, f"{POST}:7")
    atlas = scan(clip, [picture], sites=[POST], pool=pool)
    top = atlas.unit(f"{POST}:7").top[0]
    assert found.pooled(pool) == pytest.approx(top.value, abs=1e-6)
    if pool == "max" and top.place is not None:
        assert np.unravel_index(found.map.argmax(), found.map.shape) == top.place


def test_the_map_is_the_captured_patches(clip: Any, picture: np.ndarray) -> None:
    with clipprobe.capture(clip, [POST, "vision.embed"]) as seen:
        clip.encode_images([picture])
    found = unit_map(clip, picture, "vision.blocks.-2.mlp.post:7")
    tokens = seen[POST][0, :, 7].numpy()
    assert found.address == f"{POST}:7"
    assert found.class_token == tokens[0]
    assert found.map.tolist() == tokens[1:].reshape(4, 4).tolist()
    channel = unit_map(clip, picture, "vision.embed:5")
    assert channel.map.tolist() == seen["vision.embed"][0, 5].tolist()
    assert np.isnan(channel.class_token)
    assert json.loads(dumps(channel.to_json()))["class_token"] is None


def test_it_fires_where_the_patch_is(clip: Any) -> None:
    """Of two black images that differ in one patch, the patch convolution differs only there."""
    black = np.zeros((32, 32, 3), np.uint8)
    marked = black.copy()
    marked[8:16, 24:32] = 255
    maps = [unit_map(clip, image, "vision.embed:3").map for image in (black, marked)]
    assert np.argwhere(maps[0] != maps[1]).tolist() == [[1, 3]]


def test_models_without_class_token_and_with_free_grids(load_tiny: Any) -> None:
    tall = np.random.default_rng(0).integers(0, 256, (60, 20, 3), dtype=np.uint8)
    assert unit_map(load_tiny("siglip"), tall, f"{POST}:3").map.shape == (4, 4)
    free = unit_map(load_tiny("siglip2"), tall, f"{POST}:3")
    assert free.map.shape[0] > free.map.shape[1]
    assert "no class token" in free.reason


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("vision.blocks.1.attn.z:2", UnsupportedHookError, "no single number per place"),
        ("vision.blocks.1.attn.pattern:2", UnsupportedHookError, "no single number per place"),
        ("vision.pooled:2", UnsupportedHookError, "no single number per place"),
        ("text.blocks.1.mlp.post:2", UnsupportedHookError, "vision hook point"),
        (f"{POST}:64", UnknownHookPointError, "numbered 0 to 63"),
        (POST, UnknownHookPointError, "add a colon"),
    ],
)
def test_what_has_no_map_is_refused(
    clip: Any, picture: np.ndarray, address: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        unit_map(clip, picture, address)
