"""Streamed correlations against numpy's; a planted twin and opposite come first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from clipprobe.errors import ConfigError, DataError, UnsupportedHookError
from clipprobe.neurons.effects import similar_units
from clipprobe.neurons.effects.opening import similar_lead
from clipprobe.neurons.effects.similar import Correlations, chance_floor, correlation
from clipprobe.neurons.effects.similar_verb import similar_text
from clipprobe.neurons.pooled import pooled_activations

UNIT = "vision.blocks.1.mlp.post:7"


def test_streaming_is_one_pass() -> None:
    x = np.random.default_rng(0).normal(size=(50, 8)) * np.geomspace(1e-3, 1e3, 8) + 1e3
    x[:, 5] = 2.0
    running = Correlations()
    for start in range(0, 50, 7):
        running.add(x[start : start + 7], 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(x.T)[2]
    np.testing.assert_allclose(running.r(), expected, atol=1e-9)
    assert np.isnan(running.r()[5])


def test_the_lists_are_those_of_all_activations(clip: Any, pictures: Path) -> None:
    found = similar_units(clip, pictures, UNIT, k=5, batch_size=8)
    acts = pooled_activations(clip, pictures)
    values, columns = acts.stacked()
    names = [f"{site}:{i}" for site, i in columns]
    r = np.corrcoef(values.T.astype(np.float64))[names.index(UNIT)]
    r[names.index(UNIT)] = np.nan
    order = [i for i in np.argsort(-r, kind="stable") if not np.isnan(r[i])]
    assert [unit for unit, _ in found.similar] == [names[i] for i in order[:5]]
    assert [unit for unit, _ in found.opposed] == [names[i] for i in order[::-1][:5]]
    unit, estimate = found.similar[0]
    reference = scipy.stats.pearsonr(
        values[:, names.index(UNIT)].astype(float), values[:, names.index(unit)].astype(float)
    )
    assert estimate.value == pytest.approx(reference.statistic, abs=1e-6)
    interval = reference.confidence_interval()
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high), abs=1e-5)
    assert estimate.n == found.n_images == 75 and found.n_failed == 1
    assert found.n_units == 3 * 64 - 1 and 0 < found.floor < 1


def test_a_planted_twin_and_opposite_come_first(checkpoint: Any, pictures: Path) -> None:
    import clipprobe

    clip = clipprobe.load(checkpoint("clip"))
    mlp = clip.module.vision_model.encoder.layers[1].mlp
    with torch.no_grad():
        mlp.fc1.weight[20] = mlp.fc1.weight[7]
        mlp.fc1.bias[20] = mlp.fc1.bias[7]
        mlp.fc2.weight[:, 30] = -2 * mlp.fc2.weight[:, 7]
    found = similar_units(clip, pictures, UNIT, k=1)
    assert found.similar[0][0] == "vision.blocks.1.mlp.post:20"
    assert found.similar[0][1].value == pytest.approx(1)
    assert found.opposite_output[0][0] == "vision.blocks.1.mlp.post:30"
    assert found.opposite_output[0][1] == pytest.approx(-1)


@pytest.mark.parametrize(("n", "n_units"), [(60, 200), (8, 400)])
def test_the_best_of_many_unrelated_units_stays_below_the_floor(n: int, n_units: int) -> None:
    floor = chance_floor(n, n_units)
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(200):
        x = rng.normal(size=(n, n_units + 1))
        running = Correlations()
        running.add(x, 0)
        above += bool(np.abs(running.r()[1:]).max() > floor)
    assert 1 <= above <= 20  # 5 % of 200 is 10
    assert np.isnan(chance_floor(3, 10))


def test_undefined_correlations_say_why() -> None:
    assert correlation(float("nan"), 10).reason
    assert correlation(0.5, 3).reason and correlation(0.5, 3).value == 0.5
    assert correlation(1.0, 10).high <= 1


def test_mistakes_are_named(clip: Any, pictures: Path) -> None:
    with pytest.raises(DataError, match="at least 1"):
        similar_units(clip, pictures, UNIT, k=0)
    with pytest.raises(UnsupportedHookError, match="text tower"):
        similar_units(clip, pictures, "text.blocks.0.mlp.post:1")
    with pytest.raises(ConfigError, match="pool"):
        similar_units(clip, pictures, UNIT, pool="median")


def test_too_few_images_print_no_nan(clip: Any, pictures: Path) -> None:
    files = sorted(one for one in pictures.rglob("*") if one.is_file())
    for n, words in (
        (1, "or every other, is constant over the images\nmost similar: none"),
        (3, "[no interval] n=3"),
    ):
        text = similar_text(similar_units(clip, files[:n], UNIT, k=1))
        assert words in text and "nan" not in text and "1 images" not in text


def test_a_unit_that_never_varies_is_not_blamed_on_the_others(
    checkpoint: Any, pictures: Path
) -> None:
    import clipprobe

    clip = clipprobe.load(checkpoint("clip"))
    mlp = clip.module.vision_model.encoder.layers[1].mlp
    with torch.no_grad():
        mlp.fc1.weight[7] = 0
    dead = similar_units(clip, pictures, UNIT, k=1)
    assert dead.n_images > 4 and not dead.similar
    for text in (similar_text(dead), similar_lead(dead).verdict):
        assert "this unit, or every other, is constant" in text and "nan" not in text
