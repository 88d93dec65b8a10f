"""The place of one image in the range of each unit of an atlas is its rank among the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import clipprobe
from clipprobe.errors import ConfigError, UnknownHookPointError
from clipprobe.neurons import responding
from clipprobe.neurons.pooled import pooled_activations

SITES = ["vision.blocks.*.mlp.post", "vision.pooled"]
N = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    for i in range(N):
        noise = rng.integers(0, 256, (32, 32, 3), np.uint8) // (1 + i % 4)
        Image.fromarray(noise).save(root / f"{i:02}.png")
    return root


@pytest.fixture(scope="module")
def atlas(folder: Path, clip: Any) -> Any:
    return clipprobe.scan(clip, folder, sites=SITES[:1], workers=0)


def test_the_true_rank_lies_between_the_ends(folder: Path, atlas: Any, clip: Any) -> None:
    everything = pooled_activations(clip, folder, SITES[:1], pool=atlas.pool, workers=0)
    matrix, columns = everything.stacked()
    places = {f"{name}:{i}": column for column, (name, i) in enumerate(columns)}
    for row in (0, 7, 23):
        found = responding(clip, atlas, folder / f"{row:02}.png", k=len(columns))
        assert found.n_units == len(columns) == len(found.units) and found.n_images == N
        for one in found.units:
            values = matrix[:, places[one.address]]
            assert one.value == pytest.approx(values[row], abs=1e-5)
            rank = float((values < values[row] - 1e-5).mean())
            assert one.low - 1e-9 <= rank <= one.high + 1e-9
            assert one.low <= one.percentile <= one.high
            if values.std() > 0:
                deviations = (values[row] - values.mean()) / values.std()
                assert one.deviations == pytest.approx(deviations, abs=1e-2)
        order = [one.percentile for one in found.units]
        assert order == sorted(order, reverse=True)


def test_an_image_beyond_the_atlas_is_above_all_of_it(atlas: Any, clip: Any) -> None:
    flat = Image.new("RGB", (32, 32), (255, 0, 0))
    found = responding(clip, atlas, flat, k=5)
    assert found.n_above > found.expected_above
    first = found.units[0]
    assert first.above and (first.low, first.percentile, first.high) == (1.0, 1.0, 1.0)
    unit = atlas.unit(first.address)
    assert first.value > unit.high
    assert found.expected_above == pytest.approx(found.n_units / (N + 1))
    assert found.to_json()["units"][0]["address"] == first.address


def test_only_the_hook_points_that_are_named(atlas: Any, clip: Any) -> None:
    name = "vision.blocks.1.mlp.post"
    found = responding(clip, atlas, Image.new("RGB", (32, 32)), sites=[name], k=3)
    assert found.n_units == atlas.sites[name].n_units
    assert all(one.address.startswith(name) for one in found.units)
    with pytest.raises(UnknownHookPointError):
        responding(clip, atlas, Image.new("RGB", (32, 32)), sites=["vision.blocks.9.mlp.post"])


def test_another_model_and_an_atlas_of_texts_are_refused(
    atlas: Any, clip: Any, load_tiny: Any
) -> None:
    image = Image.new("RGB", (32, 32))
    with pytest.raises(ConfigError, match="give the model of the atlas"):
        responding(load_tiny("metaclip_2"), atlas, image)
    texts = clipprobe.scan_texts(clip, ["a dog", "a cat", "a house"])
    with pytest.raises(ConfigError, match="of texts"):
        responding(clip, texts, image)
