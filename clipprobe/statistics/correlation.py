"""Correlation of two tables over their rows, averaged over their columns, with its interval."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.statistics.estimate import Estimate, undefined
from clipprobe.statistics.intervals import cluster_bootstrap

_N_BOOT = 1000


def correlate(left: Floats, right: Floats, ranks: bool, seed: int, *, absent: str) -> Estimate:
    """:func:`correlation` of two tables ``(n, m)`` of units, or of their ranks.

    Args:
        absent: Why a number of ``left`` can be NaN.
    Returns:
        With a percentile interval, units resampled; undefined with a reason below three units or
        where a number is NaN.
    """
    n = len(left)
    if n < 3:
        return undefined("fewer than three units", n=n)
    if np.isnan(left).any():
        return undefined(absent, n=n)

    ranks_of = (_ranks_of_rows(left), _ranks_of_rows(right)) if ranks else None

    def of(sample: Floats) -> float:
        rows = sample.astype(np.int64)
        if ranks_of is None:
            return correlation(left[rows], right[rows])
        return correlation(ranks_of[0](rows), ranks_of[1](rows))

    with warnings.catch_warnings():  # of resamples of one unit only; the estimate says so itself
        warnings.simplefilter("ignore", category=RuntimeWarning)
        return cluster_bootstrap(np.arange(n, dtype=np.float64), of, n_boot=_N_BOOT, seed=seed)


def rank(values: Floats) -> Floats:
    """Ranks of every column, ties averaged."""
    from scipy.stats import rankdata

    return cast(Floats, rankdata(values, axis=0))


def _ranks_of_rows(values: Floats) -> Callable[[NDArray[np.int64]], Floats]:
    """What :func:`rank` gives for a resample ``values[rows]``, from one sorting of the values.

    A value's average rank is half a step above the middle of those below it and those up to it.
    """
    if np.isnan(values).any():
        return lambda rows: rank(values[rows])
    columns = values.reshape(len(values), -1)
    levels = np.stack([np.unique(one, return_inverse=True)[1] for one in columns.T])
    n_columns, n = levels.shape
    places = levels + n * np.arange(n_columns)[:, None]  # each column counts for itself

    def ranks(rows: NDArray[np.int64]) -> Floats:
        at = places[:, rows]
        counts = np.bincount(at.ravel(), minlength=n * n_columns).reshape(n_columns, n)
        average = counts.cumsum(axis=1) - (counts - 1) / 2
        return cast(Floats, average.ravel()[at].T.reshape(len(rows), *values.shape[1:]))

    return ranks


def correlation(left: Floats, right: Floats) -> float:
    """Pearson's r of each column pair, averaged; NaN where a column is constant."""
    a, b = left - left.mean(axis=0), right - right.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    if (size <= 0).any():
        return float("nan")
    return float(((a * b).sum(axis=0) / size).mean())
