"""Predicted against measured: equal where an identity says so; the correlation's arithmetic."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from clipprobe.errors import ConfigError, UnsupportedHookError
from clipprobe.neurons.effects import decompose
from clipprobe.neurons.effects.agreement import (
    SiteEffects,
    agreement,
    agreements,
    effect_sites,
    site_effects,
)
from clipprobe.statistics.correlation import _ranks_of_rows
from clipprobe.testing import checkpoints as tiny

TEXTS = ["a photo of the dog", "cat"]


@pytest.mark.parametrize("tower", ["vision", "text"])
def test_zero_ablation_is_predicted_by_minus_the_direct_effect(clip: Any, tower: str) -> None:
    images = tiny.pictures()[:4]
    whole = decompose(clip, images, TEXTS, tower=tower)
    for site in (f"{tower}.blocks.1.mlp.post", f"{tower}.blocks.0.attn.head_out"):
        found = site_effects(clip, images, TEXTS, site, per_site=None, batch_size=3)
        if site.endswith("post"):
            expected = -whole.neurons[site].mean(axis=0).T
        else:
            heads = [whole.term(f"{site}:{h}").mean(axis=0) for h in range(tiny.N_HEADS)]
            expected = -np.stack(heads)
        np.testing.assert_allclose(found.predicted, expected, atol=1e-6)
        n = 4 if tower == "vision" else 2
        assert found.measured.shape == (n, found.n_there, len(expected[0]))


def test_a_small_write_in_the_last_block_is_predicted_to_first_order(checkpoint: Any) -> None:
    import clipprobe

    clip = clipprobe.load(checkpoint("clip"))
    layer = clip.module.vision_model.encoder.layers[2]
    with torch.no_grad():
        layer.mlp.fc2.weight *= 1e-2
        layer.self_attn.out_proj.weight *= 1e-2
    options: dict[str, Any] = {"per_site": None, "norms": False}
    sites = [
        site_effects(clip, tiny.pictures()[:4], TEXTS, f"vision.blocks.2.{site}", **options)
        for site in ("mlp.post", "attn.head_out")
    ]
    for one in sites:
        size = np.abs(one.first_order).max()
        np.testing.assert_allclose(one.measured.mean(axis=0), one.first_order, atol=0.05 * size)
        # With the scales held fixed it is another number: the part along the embedding is kept.
        assert np.abs(one.predicted - one.first_order).max() > 0.2 * size
        # In the last block, whose every path runs through the final stream, they are one.
        if one.kind == "neuron":
            np.testing.assert_allclose(one.attribution, one.first_order, atol=1e-3 * size)
    found = agreement("last", sites[:1])
    assert found.first_order.value > 0.95 and found.spearman.value > 0.5 and found.p == 1 / 1000
    assert found.attribution.value > 0.95


def test_mean_ablation_of_the_last_block_too(clip: Any) -> None:
    found = site_effects(
        clip, tiny.pictures()[:6], TEXTS, "vision.blocks.2.mlp.post", method="mean", per_site=10
    )
    # Over the inputs that the mean is of, the predicted change has a small mean, but no input's is.
    assert np.abs(found.predicted).max() < np.abs(found.measured).max()
    assert agreement("x", [found]).spearman.defined


def _made(predicted: np.ndarray, measured: np.ndarray, kind: str = "neuron") -> SiteEffects:
    return SiteEffects(
        site="s",
        kind=kind,
        n_there=100,
        units=np.arange(len(predicted)),
        predicted=predicted,
        first_order=predicted,
        measured=measured[None],
        rms=np.ones(len(predicted)),
        attribution=predicted,
    )


def test_correlations_are_scipy_s() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=(40, 1))
    measured = predicted**3 + 0.5 * rng.normal(size=(40, 1))
    found = agreement("x", [_made(predicted, measured)])
    expected = scipy.stats.spearmanr(predicted[:, 0], measured[:, 0]).statistic
    assert found.spearman.value == pytest.approx(expected)
    expected = scipy.stats.pearsonr(predicted[:, 0], measured[:, 0]).statistic
    assert found.pearson.value == pytest.approx(expected)
    assert found.spearman.low < found.spearman.value < found.spearman.high
    assert found.spearman.n == 40 and found.n_there == 100 and found.p < 0.01


def test_unrelated_effects_do_not_agree() -> None:
    rng = np.random.default_rng(1)
    found = agreement("x", [_made(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)))])
    assert found.spearman.low < 0 < found.spearman.high and found.p > 0.05


def test_too_few_units_and_constant_effects_are_undefined_with_a_reason() -> None:
    ones = np.ones((5, 1))
    for found in (
        agreement("x", [_made(ones[:2], ones[:2])]),
        agreement("x", [_made(ones, ones)]),
    ):
        assert not found.spearman.defined and found.spearman.reason
        assert np.isnan(found.p) and found.to_json()["reason"]


@pytest.mark.parametrize("method", ["zero", "mean"])
@pytest.mark.parametrize("site", ["vision.blocks.0.attn.head_out", "text.blocks.0.mlp.post"])
def test_attribution_patching_comes_to_what_is_measured(clip: Any, site: str, method: str) -> None:
    """In an early block, where the direct effect says little; with more steps it is the effect."""
    images = tiny.pictures()[:4]
    errors = []
    for steps in (1, 16):
        found = site_effects(clip, images, TEXTS, site, per_site=4, method=method, steps=steps)
        measured = found.measured.mean(axis=0)
        errors.append(np.abs(found.attribution - measured).max())
    size = np.abs(measured).max()
    assert errors[1] < 0.02 * size and errors[1] < errors[0]
    assert np.abs(found.predicted - measured).max() > 0.1 * size


def test_runs_without_attribution_patching_are_read_as_they_were() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 1))
    near = values + 0.3 * rng.normal(size=(20, 1))
    one = dataclasses.replace(_made(values, near), attribution=np.full((20, 1), np.nan))
    found = agreement("x", [one])
    assert not found.attribution.defined and "without attribution" in found.attribution.reason
    assert found.spearman.value > 0.8 and found.p == 1 / 1000 and found.to_json()["reason"] == ""


def test_kinds_are_put_together(clip: Any) -> None:
    assert effect_sites(clip)[:2] == ["vision.blocks.0.attn.head_out", "vision.blocks.0.mlp.post"]
    values = np.arange(8.0).reshape(4, 2)
    sites = [_made(values, values, kind) for kind in ("head", "neuron", "neuron")]
    names = [(one.name, one.n_units) for one in agreements(sites)]
    assert names == [("s", 4), ("s", 4), ("s", 4), ("all neurons", 8)]


def test_mistakes_are_named(clip: Any) -> None:
    images = tiny.pictures()[:2]
    with pytest.raises(ConfigError, match="zero and mean ablation are predicted"):
        site_effects(clip, images, TEXTS, "vision.blocks.0.mlp.post", method="resample")
    with pytest.raises(UnsupportedHookError, match=r"attn\.head_out or mlp\.post"):
        site_effects(clip, images, TEXTS, "vision.blocks.0.resid_post")


@pytest.mark.parametrize("shape", [(1,), (9,), (9, 3), (40, 2)])
def test_ranks_of_resamples_are_scipy_s(shape: tuple[int, ...]) -> None:
    """From one sorting of the whole; with ties, with 0 and -0, and with NaN."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).round(1) * rng.choice([-1.0, 0.0, 1.0], shape)
    gaps = np.where(rng.random(shape) < 0.3, np.nan, values)
    for one in (values, gaps, rng.normal(size=shape)):
        ranks = _ranks_of_rows(one)
        for _ in range(20):
            rows = rng.integers(0, len(one), len(one))
            assert np.array_equal(
                ranks(rows), scipy.stats.rankdata(one[rows], axis=0), equal_nan=True
            )
