"""A patch that is masked out of attention has no influence, in every kind of tower."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attribution.by_hand import forward

from clipprobe.attribution.job import Job
from clipprobe.attribution.masking import encode_masked, encode_mean_pixel, spread
from clipprobe.attribution.target import targets_of
from clipprobe.errors import UnsupportedHookError


def job_of(clip: Any, pixels: torch.Tensor) -> Job:
    return Job(clip, pixels, targets_of(clip, ["a dog"] * len(pixels)))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(2)]


@pytest.mark.parametrize("family", ["clip", "metaclip_2", "siglip", "siglip2"])
def test_masked_pixels_have_no_influence(
    load_tiny: Any, family: str, pictures: list[np.ndarray]
) -> None:
    clip = load_tiny(family)
    pixels = clip.preprocess(pictures)
    job = job_of(clip, pixels)
    cells = torch.rand(5, job.n_patches, generator=torch.Generator().manual_seed(1)) < 0.5
    cells[:, 0] = True
    found = encode_masked(job, cells)
    changed = pixels[:1].clone()
    hidden = ~cells[2].view(1, 1, *job.grid)
    noise = torch.randn(changed.shape, generator=torch.Generator().manual_seed(2))
    where = spread(hidden, (changed.shape[2], changed.shape[3]))
    again = encode_masked(job_of(clip, torch.where(where, noise, changed)), cells[2:3])
    assert (found[0, 2] - again[0, 0]).abs().max() < 1e-6
    assert (found[0, 2] - job.features()[0]).abs().max() > 1e-3
    whole = encode_masked(job, torch.ones(1, job.n_patches, dtype=torch.bool))
    assert (whole[:, 0] - job.features()).abs().max() < 1e-6


def test_it_equals_logits_of_minus_infinity_in_every_layer(
    clip: Any, pictures: list[np.ndarray]
) -> None:
    pixels = clip.preprocess(pictures)
    rng = np.random.default_rng(4)
    cells = torch.from_numpy(rng.random((2, 7, 16)) < 0.5)
    found = encode_masked(job_of(clip, pixels), cells)
    direction = torch.from_numpy(clip.encode_texts(["a dog"])[0])
    for image in range(2):
        for number in range(7):
            seen = torch.cat([torch.ones(1, dtype=torch.bool), cells[image, number]])
            expected = forward(clip, pixels[image : image + 1], direction, seen).score.detach()
            assert abs(float(found[image, number] @ direction - expected)) < 1e-6


def test_mean_pixels_are_the_models_grey(clip: Any, pictures: list[np.ndarray]) -> None:
    pixels = clip.preprocess(pictures)
    cells = torch.zeros(1, 16, dtype=torch.bool)
    cells[0, 5] = True
    found = encode_mean_pixel(job_of(clip, pixels), cells)
    by_hand = torch.zeros_like(pixels)
    by_hand[:, :, 8:16, 8:16] = pixels[:, :, 8:16, 8:16]
    assert (found[:, 0] - clip.image_embeddings(by_hand)).abs().max() < 1e-6


def test_nothing_is_left_of_a_tower_without_a_class_token(
    load_tiny: Any, pictures: list[np.ndarray]
) -> None:
    clip = load_tiny("siglip")
    with pytest.raises(UnsupportedHookError, match="no class token"):
        encode_masked(job_of(clip, clip.preprocess(pictures)), torch.zeros(1, 16, dtype=torch.bool))


def test_hooks_are_gone_and_other_threads_do_not_see_them(
    clip: Any, pictures: list[np.ndarray]
) -> None:
    before = clip.encode_images(pictures)
    encode_masked(job_of(clip, clip.preprocess(pictures)), torch.eye(16, dtype=torch.bool))
    assert clip.encode_images(pictures).tobytes() == before.tobytes()
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in clip.module.modules())
