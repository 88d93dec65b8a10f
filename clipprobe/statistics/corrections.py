"""Corrections for asking many questions at once (statsmodels underneath).

NaN marks a test that was not made (a cell too small to infer from): it stays NaN and does not
count into the family.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.errors import DataError


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, ``(m,)``: controls the chance of any false finding."""
    return _adjust(p, "holm")


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg q-values, ``(m,)``: controls the expected share of false findings.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.04, 0.04]
    """
    return _adjust(p, "fdr_bh")


def _adjust(p: ArrayLike, method: str) -> NDArray[np.float64]:
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise DataError(f"p-values must be one row, but have the shape {values.shape}.")
    tested = ~np.isnan(values)
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        raise DataError("p-values lie between 0 and 1; at least one of the given ones does not.")
    adjusted = np.full(values.shape, np.nan)
    if tested.any():
        adjusted[tested] = multipletests(values[tested], method=method)[1]
    return adjusted
