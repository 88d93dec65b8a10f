"""Atlas, unit maps and explanations of ResNets and fused transformers, on a stand-in library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_open_clip

import clipprobe
from clipprobe.attribution import explain
from clipprobe.errors import UnsupportedHookError
from clipprobe.neurons import scan, unit_map

ADD = "vision.layer4.1.add"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Any]:
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())

    def fetch(name: str) -> Any:
        def download(repository: str, filename: str) -> str:
            return str(tiny_open_clip.save_weights(tmp_path / name, name, True))

        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
        return clipprobe.load(f"open_clip:{name}/openai")

    return fetch


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (20, 64, 64, 3), dtype=np.uint8))


def test_the_atlas_of_a_resnet_is_of_channels_before_the_relu(
    load: Callable[[str], Any], pictures: list[np.ndarray]
) -> None:
    clip = load("RN50")
    atlas = scan(clip, pictures, top_k=20)
    assert list(atlas.sites) == [ADD]
    assert atlas.sites[ADD].grid == (2, 2)
    with clipprobe.capture(clip, [ADD]) as seen:
        clip.encode_images(pictures)
    maps = seen[ADD].numpy()  # n c h w
    for channel in range(8):
        unit = atlas.unit(f"{ADD}:{channel}")
        assert unit.name == f"{ADD}:{channel} (max over places)"
        pooled = maps[:, channel].max(axis=(1, 2))
        assert [one.value for one in unit.top] == np.sort(pooled)[::-1].tolist()
        for one in unit.top:
            assert one.place is not None
            assert maps[one.image, channel][one.place] == np.float32(one.value)
    assert min(atlas.unit(f"{ADD}:{channel}").low for channel in range(32)) < 0


def test_maps_of_layers_have_their_own_grids(
    load: Callable[[str], Any], pictures: list[np.ndarray]
) -> None:
    clip = load("RN50")
    atlas = scan(clip, pictures, sites=["vision.layer*.0.add"])
    grids = {name: site.grid for name, site in atlas.sites.items()}
    assert grids["vision.layer4.0.add"] == (2, 2)
    for name, grid in grids.items():
        found = unit_map(clip, pictures[0], f"{name}:1")
        assert found.map.shape == grid
    assert len(set(grids.values())) == 4


def test_a_channel_is_explained_to_the_pixels_and_by_no_patch_token(
    load: Callable[[str], Any], pictures: list[np.ndarray]
) -> None:
    clip = load("RN50")
    for target in ("a dog", f"{ADD}:3"):
        found = explain(clip, pictures[0], target, "integrated_gradients")
        assert found.completeness_gap < 0.01
        assert found.map.shape == (64, 64) and found.grid == (2, 2)
        with pytest.raises(UnsupportedHookError, match="ResNet"):
            explain(clip, pictures[0], target, "token_grad_cam")


def test_fused_attention_hides_nothing_that_is_needed(
    load: Callable[[str], Any], pictures: list[np.ndarray]
) -> None:
    clip = load("ViT-T")
    found = explain(clip, pictures[0], "a dog", "token_grad_cam")
    assert found.map.shape == clip.grid and (found.map != 0).any()
    assert explain(clip, pictures[0], "a dog", "integrated_gradients").completeness_gap < 0.01
    atlas = scan(clip, pictures)
    top = atlas.unit("vision.blocks.-1.mlp.post:3").top[0]
    there = unit_map(clip, pictures[top.image], "vision.blocks.-1.mlp.post:3")
    assert there.pooled("max") == pytest.approx(top.value, abs=1e-6)
