"""Quantiles and peaks against numpy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from neurons import brute

from clipprobe.neurons.atlas.statistics.accumulator import Settings
from clipprobe.neurons.atlas.statistics.derived import peak_floor, peaks, quantiles, twin_floor

SHARES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    rng = np.random.default_rng(0)
    bell, skewed = rng.normal(2, 0.5, 2000), rng.exponential(1, 2000) - 0.2
    return np.stack([bell, skewed, np.full(2000, 3.0)], axis=1).astype(np.float32)


def test_quantiles_lie_within_a_bin_of_numpys(values: np.ndarray) -> None:
    seen = brute.accumulate(values)
    found = quantiles(seen, SHARES)
    for unit, column in enumerate(values.T):
        width = 2.0 ** (int(seen.ranges.half_range[unit]) - 6)
        exact = np.quantile(column, SHARES)
        assert np.abs(found[unit] - exact).max() <= width
        assert found[unit, 0] >= column.min() and found[unit, -1] == column.max()


def test_peaks_are_those_of_the_top_images(values: np.ndarray) -> None:
    seen = brute.accumulate(values, settings=Settings(top_k=5))
    found = peaks(seen)
    for unit in (0, 1):
        column = values[:, unit].astype(np.float64)
        expected = (np.sort(column)[-5:].mean() - column.mean()) / column.std()
        assert found[unit] == pytest.approx(expected, rel=1e-9)
    assert np.isnan(found[2])


@pytest.mark.parametrize(("n", "k"), [(100, 16), (1000, 16), (1000, 4), (50, 25)])
def test_95_percent_of_bell_shaped_units_stay_below_the_floor(n: int, k: int) -> None:
    draws = np.random.default_rng(1).normal(size=(4000, n))
    draws = (draws - draws.mean(1, keepdims=True)) / draws.std(1, keepdims=True)
    tops = np.partition(draws, n - k, axis=1)[:, -k:].mean(axis=1)
    assert peak_floor(n, k) == pytest.approx(np.quantile(tops, 0.95), abs=0.05)
    assert (tops > peak_floor(n, k)).mean() == pytest.approx(0.05, abs=0.02)


def test_the_floor_of_a_twin_is_the_level_that_19_of_20_units_stay_below() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        found = twin_floor(rng.exponential(size=400))
        covered += found.low <= -np.log(0.05) <= found.high
    assert covered >= 186  # a 95 % interval; P(fewer) < 0.5 % at a coverage of 95 %
    known = twin_floor(np.array([*range(1, 101), np.nan]))
    assert known.value == 95 and known.n == 100 and known.low < 95 < known.high
    assert twin_floor(np.full(30, np.nan)).reason.startswith("0 units have a peak")


def test_quantiles_follow_the_inverse_of_the_empirical_distribution() -> None:
    """Of two values far apart the median is the lower one; numpy's default lies between."""
    found = quantiles(brute.accumulate(np.array([[0.1], [8.0]])), (0.5,))[0, 0]
    assert abs(found - 0.1) < 0.25 and np.quantile([0.1, 8.0], 0.5) > 4


def test_the_floor_at_its_ends() -> None:
    assert peak_floor(8, 8) == 0.0
    assert peak_floor(3, 8) == 0.0
    assert np.isnan(peak_floor(10, 0))


def test_a_unit_without_values_has_no_numbers() -> None:
    seen = brute.accumulate(np.full((5, 1), np.nan))
    assert np.isnan(quantiles(seen, SHARES)).all()
    assert np.isnan(peaks(seen)).all()
    assert seen.n_outside.tolist() == [5]
