"""Arrays by what they hold, and what is done to their rows everywhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def missing(value: Any) -> bool:
    """Whether a number is undefined: not there, or NaN."""
    return value is None or math.isnan(value)


def none_for_nan(values: Floats) -> list[list[float | None]]:
    """Rows of a table ``(n, m)`` for JSON, in which what is undefined is None."""
    return [[None if np.isnan(one) else float(one) for one in row] for row in values]


def softmax(logits: NDArray[Any]) -> Floats:
    """Probabilities along the last axis, in double precision.

    Example:
        >>> softmax(np.log(np.array([1.0, 3.0]))).round(2).tolist()
        [0.25, 0.75]
    """
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def unit_rows(vectors: NDArray[Any], *, least: float = 0.0) -> NDArray[Any]:
    """Vectors along the last axis at length 1; those no longer than ``least`` become zeros.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    rows: NDArray[Any] = vectors / np.where(lengths > least, lengths, np.inf)
    return rows
