"""Cutting in two: what is chosen on one part is measured on the other.

Rows of one name (images of one cluster, rows of one group) stay together. What differs between the
users of :func:`split` is the order in which names are drawn and how many are taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Order = Callable[[list[Any]], list[Any]]


def split(
    names: ArrayLike | Sequence[Any],
    order: Order,
    size: Callable[[int], int] = lambda n: (n + 1) // 2,
    strata: ArrayLike | None = None,
) -> NDArray[np.bool_]:
    """Which rows are of the first part, ``(n,)``.

    Args:
        names: ``(n,)`` what stays together.
        order: Puts names, given in sorted order, in the order in which they are taken.
        size: How many of N names are taken; by default half, the larger one.
        strata: ``(n,)``; each stratum is cut by itself. A name that an earlier stratum had stays
            where it is.

    Example:
        >>> split(["a", "b", "a", "c"], hashed(0)).tolist()
        [True, False, True, True]
    """
    rows = np.asarray(names)
    levels = np.zeros(len(rows), np.int64) if strata is None else np.asarray(strata)
    first: set[Any] = set()
    known: set[Any] = set()
    for level in np.unique(levels):
        members = [one for one in np.unique(rows[levels == level]).tolist() if one not in known]
        known |= set(members)
        first |= set(order(members)[: size(len(members))])
    return np.array([one in first for one in rows.tolist()], dtype=bool)


def hashed(seed: int) -> Order:
    """By the hash of seed and name: the same on every machine, whatever other names there are."""

    def key(name: Any) -> bytes:
        return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "backslashreplace")).digest()

    return lambda names: sorted(names, key=key)


def permuted(rng: np.random.Generator) -> Order:
    """In an order that the generator draws."""
    return lambda names: [names[i] for i in rng.permutation(len(names))]
