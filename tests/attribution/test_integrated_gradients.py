"""Integrated gradients: known answers, completeness, and captum against an integral of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from clipprobe.attribution import explain
from clipprobe.attribution.job import Job
from clipprobe.attribution.methods.paths import baseline_pixels, integrated_gradients
from clipprobe.attribution.registry import Maps
from clipprobe.attribution.target import Targets, targets_of
from clipprobe.errors import ConfigError

IG = "integrated_gradients"
FAMILIES = ("clip", "metaclip_2", "altclip", "chinese_clip", "siglip", "siglip2")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def pixels(clip: Any, picture: np.ndarray) -> torch.Tensor:
    return clip.preprocess([picture, picture[::-1].copy()])


def run(clip: Any, pixels: torch.Tensor, target: Any, **settings: Any) -> Maps:
    """The method on one target for all images."""
    job = Job(clip, pixels, targets_of(clip, [target] * len(pixels)))
    return integrated_gradients(job, **settings)


def own_integral(
    score: Callable[[torch.Tensor], torch.Tensor],
    pixels: torch.Tensor,
    baseline: torch.Tensor,
    n_steps: int,
) -> torch.Tensor:
    """Gauss-Legendre along the straight line, one point at a time, in float64."""
    places, weights = np.polynomial.legendre.leggauss(n_steps)
    total = torch.zeros_like(pixels, dtype=torch.float64)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        point = (baseline + float(place) * (pixels - baseline)).requires_grad_()
        (gradient,) = torch.autograd.grad(score(point).sum(), point)
        total += float(weight) * gradient.double()
    return total * (pixels - baseline).double()


def test_a_linear_score_is_shared_out_by_its_weights(clip: Any, pixels: torch.Tensor) -> None:
    weights = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    targets = Targets(
        names=("linear",) * 2,
        kind="text",
        units="units",
        points=(),
        directions=torch.ones(2, 1),
        features=lambda x: (x * weights).sum((1, 2, 3))[:, None] + 5,
    )
    for baseline in ("grey", "black", "white"):
        plain = baseline_pixels(clip, pixels, baseline)
        job = Job(clip, pixels, targets)
        maps = integrated_gradients(job, n_steps=3, baseline=baseline)
        expected = (weights * (pixels - plain)).sum(1).numpy()
        assert np.abs(maps.values - expected).max() < 1e-5
        assert maps.scores is not None and maps.baseline_scores is not None
        assert np.abs(maps.values.sum((1, 2)) - (maps.scores - maps.baseline_scores)).max() < 1e-3


def test_a_patch_channel_is_shared_out_by_its_filter(clip: Any, picture: np.ndarray) -> None:
    """The mean of a patch convolution's channel is linear in the pixels, so its map is known."""
    found = explain(clip, picture, "vision.embed:5", IG, pool="mean", n_steps=2)
    conv = clip.anatomy.vision.embed
    kernel = conv.weight[5].detach()  # 3 p p
    expected = (clip.preprocess([picture])[0] * kernel.repeat(1, 4, 4)).sum(0).numpy() / 16
    assert np.abs(found.map - expected).max() < 1e-6
    assert found.target == "vision.embed:5 (mean over places)"
    assert np.abs(found.tokens.sum() - found.map.sum()) < 1e-5


@pytest.mark.parametrize("target", ["a dog", "vision.blocks.1.mlp.post:7", "vision.projected:3"])
def test_captum_agrees_with_an_integral_of_our_own(
    clip: Any, pixels: torch.Tensor, target: str
) -> None:
    score = targets_of(clip, [target] * 2)
    maps = run(clip, pixels, target, n_steps=20, baseline="black")
    plain = baseline_pixels(clip, pixels, "black")
    own = own_integral(score, pixels, plain, 20).sum(1).numpy()
    assert np.abs(own).max() > 1e-3
    assert np.abs(maps.values - own).max() < 1e-5
    other = own_integral(score, pixels, plain, 1).sum(1).numpy()
    assert np.abs(maps.values - other).max() > 1e-4  # the comparison notices another integral


@pytest.mark.parametrize("family", FAMILIES)
def test_the_map_sums_to_the_difference_on_every_family(
    load_tiny: Any, family: str, picture: np.ndarray
) -> None:
    clip = load_tiny(family)
    for target in ("a dog", "vision.blocks.0.mlp.post:3"):
        found = explain(clip, picture, target, IG)
        assert found.completeness_gap < 0.01
        total = found.score - found.baseline_score
        assert abs(found.map.sum() - total) < 0.01 * abs(total)
        assert abs(found.patches.sum() - found.map.sum()) < 1e-4
        assert found.reason == ""
    assert found.map.shape[0] // found.grid[0] == found.map.shape[1] // found.grid[1]


def test_steps_are_added_where_a_maximum_has_kinks(load_tiny: Any, picture: np.ndarray) -> None:
    clip, unit = load_tiny("chinese_clip"), "vision.blocks.0.mlp.post:3"
    first = explain(clip, picture, unit, n_steps=64)
    assert first.completeness_gap > 0.01 and first.settings["n_steps"] == 64
    enough = explain(clip, picture, unit)
    assert enough.completeness_gap < 0.01 and enough.settings["n_steps"] > 64
    assert explain(clip, picture, "a dog", IG).settings["n_steps"] == 64


def test_one_step_leaves_a_gap_and_says_so(clip: Any, picture: np.ndarray) -> None:
    gaps = [
        explain(clip, picture, "a dog", IG, baseline="white", n_steps=n).completeness_gap
        for n in (1, 64)
    ]
    assert gaps[0] > 10 * gaps[1]


def test_the_baseline_itself_has_no_gap_to_speak_of(clip: Any) -> None:
    black = np.zeros((32, 32, 3), np.uint8)
    found = explain(clip, black, "a dog", IG, baseline="black")
    assert np.abs(found.map).max() == 0
    assert np.isnan(found.completeness_gap)
    assert "baseline" in found.reason
    assert found.to_json()["completeness_gap"] is None


def test_the_batch_size_and_the_company_do_not_matter(clip: Any, pixels: torch.Tensor) -> None:
    whole = run(clip, pixels, "a dog", n_steps=12, batch_size=24).values
    small = run(clip, pixels, "a dog", n_steps=12, batch_size=1).values
    alone = run(clip, pixels[1:], "a dog", n_steps=12).values
    assert np.abs(whole - small).max() < 1e-6
    assert np.abs(whole[1:] - alone).max() < 1e-6


def test_grey_is_the_mean_colour_and_black_and_white_are(clip: Any, pixels: torch.Tensor) -> None:
    for name, level in (("black", 0), ("white", 255)):
        plain = clip.preprocess([np.full((32, 32, 3), level, np.uint8)])
        assert torch.allclose(baseline_pixels(clip, pixels, name)[:1], plain, atol=1e-6)
    grey = clip.preprocess.display(baseline_pixels(clip, pixels, "grey"))[0]
    mean = np.rint(clip.preprocess.mean * 255)
    assert np.abs(np.asarray(grey, float) - mean).max() <= 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"baseline": "blur"}, "grey, black, white"), ({"n_steps": 0}, "at least 1")],
)
def test_settings_that_cannot_be_used(
    clip: Any, picture: np.ndarray, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        explain(clip, picture, "a dog", IG, **settings)
