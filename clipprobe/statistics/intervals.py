"""Confidence intervals of rates, means, differences and any statistic over clusters.

Rates use the Wilson score interval (statsmodels), everything else the percentile bootstrap
(scipy), resampling whole clusters where observations hang together: images of one object, or
several attacks on one image. Percentile intervals are a little narrow below n = 30 and have no
width at all when every observation is the same; both are said in ``reason`` or the method name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics.estimate import Estimate, boolean, finite, percent, undefined

Floats = NDArray[np.float64]
_BATCH_CELLS = 2_000_000  # resampled numbers in memory at a time: 16 MB


def wilson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A rate with its Wilson score interval (Wilson 1927, through statsmodels).

    Args:
        successes: How many of ``n`` were hits; ``n = 0`` gives NaN with a reason.
        level: Confidence level, between 0 and 1.
    Raises:
        DataError: the counts are negative, or there are more successes than trials.
    Example:
        >>> rate = wilson(8, 10)
        >>> round(rate.low, 4), round(rate.high, 4)
        (0.4902, 0.9433)
    """
    from statsmodels.stats.proportion import proportion_confint

    method = f"Wilson, {percent(level)}"
    if n < 0 or not 0 <= successes <= max(n, 0):
        raise DataError(f"A rate needs 0 <= successes <= n, but got {successes} of {n}.")
    if n == 0:
        return undefined("no observations", method=method)
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    return Estimate(
        value=float(successes / n),
        low=float(low) if successes else 0.0,  # exactly, where rounding leaves dust
        high=float(high) if successes < n else 1.0,
        n=int(n),
        method=method,
    )


def cluster_bootstrap(
    values: ArrayLike,
    statistic: Callable[[Floats], float] = np.mean,
    *,
    clusters: ArrayLike | None = None,
    n_boot: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """A statistic with its percentile interval, resampling whole clusters.

    Args:
        values: Observations, ``(n,)``; NaN is refused.
        statistic: From a vector of any length to a number; ``np.mean`` is computed in bulk.
        clusters: ``(n,)`` names; observations of one name are drawn together. Default: each
            observation is its own cluster.
    Returns:
        The statistic of ``values``; with fewer than two clusters the ends are NaN with a reason.
    """
    from scipy.stats import bootstrap

    array = finite(values, "the bootstrapped values")
    members = _members(clusters, array.size)
    n_clusters = len(members)
    method = f"percentile bootstrap over {n_clusters} clusters, {n_boot} draws, {percent(level)}"
    if clusters is None:
        method = f"percentile bootstrap, {n_boot} draws, {percent(level)}"
    if array.size == 0:
        return undefined("no observations", method=method)
    value = float(statistic(array))
    if math.isnan(value):
        return undefined("the statistic is undefined here", n=array.size, method=method)
    if n_clusters < 2:
        return Estimate(
            value=value, low=math.nan, high=math.nan, n=array.size, method=method,
            reason="one cluster only: an interval needs at least two",
        )  # fmt: skip
    bulk = statistic is np.mean
    data: tuple[Floats, ...] = (np.arange(n_clusters, dtype=np.float64),)
    if bulk:
        sums = np.array([array[m].sum() for m in members])
        data = (sums, np.array([float(len(m)) for m in members]))

    def mean_of(sums: Floats, counts: Floats, axis: int = -1) -> Any:
        return sums.sum(axis=axis) / counts.sum(axis=axis)

    def statistic_of(sample: Floats, axis: int = -1) -> Any:
        """One draw a row; scipy's own loop over rows takes longer than most statistics."""
        if clusters is None:
            return np.array([float(statistic(array[row])) for row in sample.astype(np.intp)])
        return np.array(
            [
                float(statistic(array[np.concatenate([members[i] for i in row])]))
                for row in sample.astype(np.intp).tolist()
            ]
        )

    interval = bootstrap(
        data,
        mean_of if bulk else statistic_of,
        paired=True,
        vectorized=True,
        n_resamples=_draws(n_boot),
        batch=max(1, _BATCH_CELLS // n_clusters),
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    reason = ""
    if math.isnan(low) or math.isnan(high):
        low = high = math.nan
        reason = "the statistic is undefined in some resamples, so no interval is given"
    elif low == high:
        reason = "every resample gave the same value: the width 0 does not mean certainty"
    return Estimate(value=value, low=low, high=high, n=array.size, method=method, reason=reason)


def difference_of_paired_proportions(
    a: ArrayLike,
    b: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    n_boot: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """``mean(a) - mean(b)`` for two yes/no outcomes of the same items.

    The bootstrap resamples pairs (or clusters of pairs). Where every pair differs alike, e.g. no
    pair at all, the bootstrap has no width; then the ends come from the Wilson bound on the rate
    of pairs that differ otherwise, over the number of clusters, and the method says so.

    Raises:
        DataError: the lengths differ, or something other than yes/no was given.
    """
    first, second = boolean(a, "the first outcome"), boolean(b, "the second outcome")
    if first.size != second.size:
        raise DataError(
            f"Paired outcomes need one row per item in both, but got {first.size} and "
            f"{second.size}."
        )
    difference = first.astype(np.float64) - second.astype(np.float64)
    if clusters is None and difference.size > 1 and np.ptp(difference) > 0:
        return _of_counts(difference, _draws(n_boot), seed, level)
    plain = cluster_bootstrap(difference, clusters=clusters, n_boot=n_boot, seed=seed, level=level)
    if not plain.defined or math.isnan(plain.low) or np.ptp(difference) > 0:
        return plain
    n_clusters = len(_members(clusters, difference.size))
    other = wilson(0, n_clusters, level).high
    return Estimate(
        value=plain.value,
        low=max(-1.0, plain.value - other),
        high=min(1.0, plain.value + other),
        n=plain.n,
        method=f"all {n_clusters} pairs or clusters alike: Wilson bound, {percent(level)}",
    )


def _of_counts(difference: Floats, n_boot: int, seed: int, level: float) -> Estimate:
    """The percentile bootstrap of a mean of -1, 0 and 1.

    A resample is known by how many of each it holds, and these counts are multinomial: the same
    distribution as drawing pairs one by one, without drawing them.
    """
    n = difference.size
    shares = [float((difference == value).mean()) for value in (-1.0, 0.0, 1.0)]
    counts = np.random.default_rng(seed).multinomial(n, shares, size=n_boot)
    means = (counts[:, 2] - counts[:, 0]) / n
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)])
    return Estimate(
        value=float(difference.mean()),
        low=float(low),
        high=float(high),
        n=n,
        method=f"percentile bootstrap, {n_boot} draws, {percent(level)}",
        reason=""
        if low < high
        else "every resample gave the same value: the width 0 does not mean certainty",
    )


def difference_of_means(
    a: ArrayLike,
    b: ArrayLike,
    *,
    n_boot: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """``mean(a) - mean(b)`` of two separate samples, each resampled within itself.

    Args:
        a, b: Observations, ``(n_a,)`` and ``(n_b,)``, not paired. ``n`` of the result is their sum.
    Returns:
        NaN with a reason where a sample is empty; no interval where one has a single value.
    """
    from scipy.stats import bootstrap

    first, second = finite(a, "the first sample"), finite(b, "the second sample")
    n = first.size + second.size
    method = f"percentile bootstrap within samples, {n_boot} draws, {percent(level)}"
    if min(first.size, second.size) == 0:
        return undefined("one of the two samples is empty", n=n, method=method)
    value = float(first.mean() - second.mean())
    if min(first.size, second.size) < 2:
        return Estimate(
            value=value, low=math.nan, high=math.nan, n=n, method=method,
            reason="one of the two samples has a single observation, so no interval is given",
        )  # fmt: skip

    def gap(x: Floats, y: Floats, axis: int = -1) -> Any:
        return x.mean(axis=axis) - y.mean(axis=axis)

    interval = bootstrap(
        (first, second),
        gap,
        vectorized=True,
        n_resamples=_draws(n_boot),
        batch=max(1, _BATCH_CELLS // n),
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    reason = ""
    if low == high:
        reason = "every resample gave the same value: the width 0 does not mean certainty"
    return Estimate(value=value, low=low, high=high, n=n, method=method, reason=reason)


def _members(clusters: ArrayLike | None, n: int) -> list[NDArray[np.intp]]:
    """The row numbers of each cluster, clusters in the sorted order of their names."""
    if clusters is None:
        return [np.array([i]) for i in range(n)]
    names = np.asarray(clusters)
    if names.shape != (n,):
        raise DataError(
            f"Clusters need one name for each of {n} observations, but have the shape "
            f"{names.shape}."
        )
    _, index = np.unique(names, return_inverse=True)
    order = np.argsort(index, kind="stable")
    cuts = np.flatnonzero(np.diff(index[order])) + 1
    return cast(list[NDArray[np.intp]], np.split(order, cuts)) if n else []


def _draws(n_boot: int) -> int:
    if n_boot < 1:
        raise ConfigError(f"A bootstrap needs at least one draw, but n_boot={n_boot} was given.")
    return n_boot
