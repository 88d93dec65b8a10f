"""Corrections for asking many questions at once.

NaN marks a test that was not made (a cell too small to infer from): it stays NaN and does not
count into the family.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.errors import DataError


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, ``(m,)``: controls the chance of any false finding."""
    return _adjust(p, _holm)


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg q-values, ``(m,)``: controls the expected share of false findings.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.04, 0.04]
    """
    from scipy.stats import false_discovery_control

    return _adjust(p, false_discovery_control)


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    # Not statsmodels' multipletests, which has the garbage of the whole process collected first:
    # half a second beside a loaded model. A test holds the two to the same numbers.
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    steps = p[order] * np.arange(p.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _adjust(
    p: ArrayLike, correct: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise DataError(f"p-values must be one row, but have the shape {values.shape}.")
    tested = ~np.isnan(values)
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        raise DataError("p-values lie between 0 and 1; at least one of the given ones does not.")
    adjusted = np.full(values.shape, np.nan)
    if tested.any():
        adjusted[tested] = correct(values[tested])
    return adjusted
