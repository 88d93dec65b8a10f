"""The random twin: same shape, other weights, alive in every family, reproducible."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_open_clip
import torch

import clipprobe
from clipprobe.models import random_twin
from clipprobe.testing import checkpoints as tiny


def weights(clip: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in clip.module.state_dict().items()}


@pytest.mark.parametrize("family", ["clip", "siglip", "altclip", "siglip2"])
def test_a_twin_has_the_shape_and_none_of_the_weights(load_tiny: Any, family: str) -> None:
    clip = load_tiny(family)
    before = weights(clip)
    state = torch.random.get_rng_state()
    twin = random_twin(clip, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in weights(clip).items())
    drawn = weights(twin)
    assert {name: value.shape for name, value in drawn.items()} == {
        name: value.shape for name, value in before.items()
    }
    matrices = [name for name, value in drawn.items() if value.ndim > 1]
    assert matrices and not any(torch.equal(drawn[name], before[name]) for name in matrices)
    assert twin.scale == clip.scale and twin.bias == clip.bias and "seed 3" in twin.id
    assert twin.preprocess is clip.preprocess
    assert [p.name for p in twin.hook_points()] == [p.name for p in clip.hook_points()]


def test_the_same_seed_gives_the_same_network(clip: Any) -> None:
    pictures = tiny.pictures()[:3]
    one, same, other = (random_twin(clip, seed=seed) for seed in (1, 1, 2))
    assert one.weights_sha256 == same.weights_sha256 != other.weights_sha256
    assert np.array_equal(one.encode_images(pictures), same.encode_images(pictures))
    assert np.abs(one.encode_images(pictures) - other.encode_images(pictures)).max() > 0.01


def test_half_precision_stays_half(load_tiny: Any) -> None:
    twin = random_twin(load_tiny("clip", dtype="bfloat16"))
    assert twin.dtype is torch.bfloat16 and np.isfinite(twin.encode_images(tiny.pictures())).all()


@pytest.mark.parametrize("name", ["RN50/openai", "ViT-T/laion"])
def test_open_clip_twins_have_living_branches(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", tiny_open_clip.library())
    architecture, tag = name.split("/")
    path = tiny_open_clip.save_weights(tmp_path, architecture, quick=tag == "openai")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *a, **k: str(path))
    clip = clipprobe.load(f"open_clip:{name}")
    twin = random_twin(clip, seed=0)
    visual = twin.module.visual
    if architecture == "RN50":
        # A dead branch would make each block's sum equal to its shortcut.
        assert all(float(block.bn3.weight.abs().min()) > 0 for block in visual.layer4)
        site = "vision.layer4.1.add"
    else:
        site = "vision.blocks.1.mlp.post"
        assert float(visual.positional_embedding.std()) > 0  # it was all zeros
    with clipprobe.capture(twin, [site], pool="max") as seen:
        twin.encode_images(tiny.pictures())
    values = seen[site].numpy()
    assert np.isfinite(values).all() and float((values.std(axis=0) > 0).mean()) > 0.9
