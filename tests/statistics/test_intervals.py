"""Intervals against hand-computed values, statsmodels, scipy, and their own promise (coverage)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics import (
    Estimate,
    cluster_bootstrap,
    difference_of_estimates,
    difference_of_means,
    difference_of_paired_proportions,
    undefined,
    wilson,
)


def test_wilson_is_the_closed_form() -> None:
    z = stats.norm.ppf(0.975)
    for hits, n in [(0, 5), (8, 10), (490, 10_000), (7, 7)]:
        p = hits / n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        rate = wilson(hits, n)
        assert rate.value == p and rate.n == n
        assert rate.low == pytest.approx(centre - half, abs=1e-12)
        assert rate.high == pytest.approx(centre + half, abs=1e-12)


def test_wilson_of_nothing_is_undefined_and_of_nonsense_is_refused() -> None:
    nothing = wilson(0, 0)
    assert math.isnan(nothing.value) and nothing.reason == "no observations"
    for hits, n in [(3, 2), (-1, 5), (0, -1)]:
        with pytest.raises(DataError, match="0 <= successes <= n"):
            wilson(hits, n)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        wilson(1, 2, level=95)


def test_estimate_round_trips_and_never_hides_a_nan() -> None:
    for estimate in (wilson(3, 10), undefined("no positive to rank", n=4)):
        again = Estimate.from_json(estimate.to_json())
        assert again.to_json() == estimate.to_json()
        assert again.method == estimate.method and again.n == estimate.n
    assert undefined("why").to_json()["value"] is None
    with pytest.raises(ValueError, match="must say why"):
        Estimate(value=math.nan, low=0.0, high=1.0, n=1, method="x")


def test_bootstrap_of_the_mean_agrees_with_scipy_draw_for_draw() -> None:
    values = np.random.default_rng(5).exponential(size=60)
    ours = cluster_bootstrap(values, n_boot=1500, seed=9)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=1500, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_bulk_mean_equals_the_general_path() -> None:
    rng = np.random.default_rng(0)
    values, clusters = rng.normal(size=50), rng.integers(0, 12, 50)
    bulk = cluster_bootstrap(values, clusters=clusters, n_boot=400, seed=2)
    general = cluster_bootstrap(
        values, lambda x: float(x.mean()), clusters=clusters, n_boot=400, seed=2
    )
    assert (bulk.low, bulk.high) == pytest.approx((general.low, general.high), abs=1e-12)


def test_whole_clusters_are_drawn_together() -> None:
    """Ten copies of each value carry no more information than one."""
    distinct = np.random.default_rng(1).normal(size=40)
    copied = np.repeat(distinct, 10)
    naive = cluster_bootstrap(copied, seed=3)
    honest = cluster_bootstrap(copied, clusters=np.repeat(np.arange(40), 10), seed=3)
    alone = cluster_bootstrap(distinct, seed=3)
    assert honest.n == 400 and "40 clusters" in honest.method
    assert (honest.low, honest.high) == pytest.approx((alone.low, alone.high), abs=1e-12)
    assert naive.high - naive.low < 0.45 * (honest.high - honest.low)


def test_bootstrap_says_what_it_cannot_do() -> None:
    assert cluster_bootstrap([]).reason == "no observations"
    single = cluster_bootstrap([1.0, 2.0], clusters=["a", "a"])
    assert single.value == 1.5 and math.isnan(single.low) and "one cluster" in single.reason
    constant = cluster_bootstrap([2.0, 2.0, 2.0])
    assert constant.low == constant.high == 2.0 and "does not mean certainty" in constant.reason
    with pytest.raises(DataError, match=r"holds 1 NaN or infinite value\(s\) of 3"):
        cluster_bootstrap([1.0, math.nan, 2.0])
    with pytest.raises(DataError, match="one name for each of 3"):
        cluster_bootstrap([1.0, 2.0, 3.0], clusters=["a", "b"])
    with pytest.raises(ConfigError, match="n_boot=0"):
        cluster_bootstrap([1.0, 2.0], n_boot=0)


def test_paired_difference_counts_pairs_not_margins() -> None:
    a = np.array([1] * 60 + [0] * 40, dtype=bool)
    b = np.array([1] * 50 + [0] * 50, dtype=bool)
    difference = difference_of_paired_proportions(a, b, seed=1)
    assert difference.value == pytest.approx(0.10)
    # 10 of 100 pairs differ, all the same way: sd of a pair's difference is 0.3, of the mean 0.03.
    assert difference.low == pytest.approx(0.10 - 1.96 * 0.03, abs=0.015)
    assert difference.high == pytest.approx(0.10 + 1.96 * 0.03, abs=0.015)


def test_counted_resamples_are_drawn_ones() -> None:
    """Multinomial counts and scipy's resampling of pairs: two draws of one distribution."""
    rng = np.random.default_rng(4)
    a, b = rng.random(150) < 0.6, rng.random(150) < 0.4
    counted = difference_of_paired_proportions(a, b, n_boot=20_000, seed=1)
    drawn = cluster_bootstrap(a.astype(float) - b, n_boot=20_000, seed=1)
    assert (counted.value, counted.n) == (drawn.value, drawn.n)
    assert (counted.low, counted.high) == pytest.approx((drawn.low, drawn.high), abs=0.007)
    with pytest.raises(ConfigError, match="at least one draw"):
        difference_of_paired_proportions(a, b, n_boot=0)


def test_no_discordant_pair_is_not_certainty() -> None:
    same = difference_of_paired_proportions([True] * 40, [True] * 40)
    bound = wilson(0, 40).high
    assert (same.value, same.low, same.high) == pytest.approx((0.0, -bound, bound))
    opposite = difference_of_paired_proportions([True] * 40, [False] * 40)
    assert (opposite.value, opposite.low, opposite.high) == pytest.approx((1.0, 1 - bound, 1.0))
    clustered = difference_of_paired_proportions(
        [True] * 40, [True] * 40, clusters=np.arange(40) % 4
    )
    assert clustered.high == pytest.approx(wilson(0, 4).high)
    with pytest.raises(DataError, match="only true and false"):
        difference_of_paired_proportions([0.5, 1], [0, 1])
    with pytest.raises(DataError, match="3 and 2"):
        difference_of_paired_proportions([0, 1, 1], [0, 1])


def test_the_difference_of_two_rates_from_their_intervals_is_newcombes() -> None:
    found = difference_of_estimates(wilson(18, 20), wilson(0, 30), n=50)
    assert (found.low, found.high) == pytest.approx(
        confint_proportions_2indep(18, 20, 0, 30, method="newcomb")
    )
    assert found.value == 0.9 and found.n == 50 and not found.reason
    without = difference_of_estimates(wilson(18, 20), undefined("no image"), n=20)
    assert math.isnan(without.low) and "no interval" in without.reason


def test_difference_of_means_agrees_with_welch_for_normal_samples() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 300), rng.normal(0, 2, 200)
    ours = difference_of_means(a, b, n_boot=4000, seed=0)
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert ours.value == pytest.approx(a.mean() - b.mean()) and ours.n == 500
    assert (ours.low, ours.high) == pytest.approx((welch.low, welch.high), abs=0.03)
    assert difference_of_means([], [1.0]).reason == "one of the two samples is empty"
    assert math.isnan(difference_of_means([1.0], [1.0, 2.0]).low)


@pytest.mark.parametrize("kind", ["rate", "mean", "gap", "clustered"])
def test_nominal_95_percent_covers_93_to_97(kind: str) -> None:
    """The promise of an interval, on 1,000 simulated experiments of n = 60 (fixed seeds)."""
    rng = np.random.default_rng(20)
    trials, covered = 1000, 0
    for trial in range(trials):
        if kind == "rate":
            estimate, truth = wilson(int(rng.binomial(60, 0.2)), 60), 0.2
        elif kind == "mean":
            values = rng.normal(size=60)
            estimate, truth = cluster_bootstrap(values, n_boot=400, seed=trial), 0.0
        elif kind == "gap":
            estimate = difference_of_means(
                rng.normal(1, 1, 60), rng.normal(0, 1, 60), n_boot=400, seed=trial
            )
            truth = 1.0
        else:
            values = np.repeat(rng.normal(size=60), 3) + 0.3 * rng.normal(size=180)
            names = np.repeat(np.arange(60), 3)
            estimate = cluster_bootstrap(values, clusters=names, n_boot=400, seed=trial)
            truth = 0.0
        covered += estimate.low <= truth <= estimate.high
    assert 0.93 <= covered / trials <= 0.97
