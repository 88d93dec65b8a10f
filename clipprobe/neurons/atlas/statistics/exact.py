"""Sums that do not depend on the order of the terms: fixed point in integers, in several limbs.

Question: what are the mean and the variance of a unit over a million images, to the same byte
whatever the number of workers and the order of the merges? Floating-point sums (Chan's merge
included) are not associative, integer sums are. Every activation is rounded once, to a multiple
of 2**-32, and everything after that is exact: sums, sums of squares, the bin it falls into.

Terms: a *tick* is 2**-32, the unit of the fixed-point numbers; a *limb* is one int64 of a number
that needs more than 64 bits, here always in base 2**32 with all limbs but the highest in
[0, 2**32), which makes the representation of a number unique and two equal sums equal bytes.

Limits: |activation| < 2**16 (the range of float16; larger values are counted apart, see
``accumulator``); a float32 of magnitude 2**-9 or more is represented without rounding, a smaller
one to within 2**-33.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

TICKS_PER_ONE = 2**32
LIMIT = 2.0**16
MAX_ROWS = 2**13
"""Rows of one call: 2**13 products of 48 bits stay below 2**62, also when doubled."""

_BASE_BITS = 32
_LOW = np.int64(2**_BASE_BITS - 1)
_HALF_BITS = 24
_HALF = np.int64(2**_HALF_BITS - 1)


def to_ticks(values: NDArray[np.float32]) -> Int64:
    """Activations in ticks, rounded to the nearest; any shape, magnitudes below 2**16."""
    return np.rint(values.astype(np.float64) * TICKS_PER_ONE).astype(np.int64)


def sum_limbs(ticks: Int64) -> Int64:
    """Exact column sums of ticks ``(rows, n)`` as limbs ``(n, 2)``, in ticks."""
    total = ticks.sum(axis=0)
    return carry(np.stack([total & _LOW, total >> _BASE_BITS], axis=1))


def square_limbs(ticks: Int64) -> Int64:
    """Exact column sums of squares of ticks ``(rows, n)`` as limbs ``(n, 3)``, in ticks squared.

    A tick number has 48 bits and its square 96, so it is split: q = a 2**24 + b gives
    q**2 = a**2 2**48 + 2ab 2**24 + b**2, and each of the three products sums within an int64.
    """
    high = ticks >> _HALF_BITS
    low = ticks & _HALF
    high_high = np.einsum("ru,ru->u", high, high)
    high_low = 2 * np.einsum("ru,ru->u", high, low)
    low_low = np.einsum("ru,ru->u", low, low)
    limbs = np.empty((ticks.shape[1], 3), np.int64)
    limbs[:, 0] = (low_low & _LOW) + ((high_low & 0xFF) << 24)
    limbs[:, 1] = (low_low >> 32) + (high_low >> 8) + ((high_high & 0xFFFF) << 16)
    limbs[:, 2] = high_high >> 16
    return carry(limbs)


def carry(limbs: Int64) -> Int64:
    """The unique form of a number: every limb but the highest in [0, 2**32). In place."""
    for i in range(limbs.shape[1] - 1):
        limbs[:, i + 1] += limbs[:, i] >> _BASE_BITS
        limbs[:, i] &= _LOW
    return limbs


def add(left: Int64, right: Int64) -> Int64:
    """The sum of two limb numbers, ``(n, limbs)``; associative and commutative to the byte."""
    return carry(left + right)


def to_integers(limbs: Int64) -> list[int]:
    """Limb numbers ``(n, limbs)`` as Python integers."""
    columns = [limbs[:, i].tolist() for i in range(limbs.shape[1])]
    totals = columns[-1]
    for column in reversed(columns[:-1]):
        totals = [(total << _BASE_BITS) + limb for total, limb in zip(totals, column, strict=True)]
    return [int(total) for total in totals]


def mean_and_variance(
    count: Int64, sums: Int64, squares: Int64
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and population variances ``(n,)``, from exact integers and rounded once.

    (n sum(q**2) - sum(q)**2) / n**2 cancels catastrophically in floating point and not at all in
    integers. A unit without a value has NaN for both.
    """
    means = np.full(len(count), np.nan)
    variances = np.full(len(count), np.nan)
    totals = zip(count.tolist(), to_integers(sums), to_integers(squares), strict=True)
    for i, (n, total, square) in enumerate(totals):
        if n:
            means[i] = total / (n * TICKS_PER_ONE)
            variances[i] = (n * square - total * total) / (n * n * TICKS_PER_ONE**2)
    return means, variances
