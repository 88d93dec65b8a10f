"""Which small sets of images follow from figures of larger ones: differencing, decided by algebra.

A figure about a set of images (how many there are, how many of them were hit) is one linear
equation. Images that belong to the same published sets cannot be told apart; they are one *piece*.
A reader who adds and subtracts equations learns something about fewer images than ``least`` exactly
where a combination of the published rows is not zero on such a set of pieces and zero elsewhere.

How one is found: rows are brought to reduced form with the large pieces first, which no such
combination can contain; what is left lives on small pieces. A combination that is not zero differs
from 0 somewhere on every basis (set of pivots). So with ``BASES`` bases that share no image, a
combination of at most nine images meets one of them in a single pivot, and then it is a row of that
reduced form: the search is complete. Where there are fewer bases, the lightest row found is
named, to be on the safe side.
"""

from __future__ import annotations

import numpy as np

from clipprobe.arrays import Floats, Ints

BASES = 5  # more than half of the nine images that a small set can have
_ZERO = 1e-8


def small_sets(rows: Floats, sizes: Ints, least: int) -> list[Floats]:
    """Combinations of the rows that are about fewer than ``least`` images, lightest first.

    Args:
        rows: Published sets over pieces, ``(r, a)``, 0 or 1. sizes: images of each piece, ``(a,)``.
    Returns:
        Vectors ``(a,)``, not zero on the pieces of the small set; none where nothing follows.
    Example:
        >>> [v.tolist() for v in small_sets(np.array([[1.0, 1], [1, 0]]), np.array([40, 3]), 10)]
        [[0.0, 1.0]]
    """
    small = sizes < least
    pieces = np.flatnonzero(small)
    remaining, _, _ = _eliminated(np.unique(rows, axis=0), np.flatnonzero(~small), back=False)
    table = remaining[:, pieces]
    copies = sizes[pieces].copy()
    sums: dict[bytes, Floats] = {}
    lightest: Floats | None = None
    for _ in range(BASES):
        order = np.argsort(-copies, kind="stable")
        rest, basis, pivots = _eliminated(table, order[copies[order] > 0], back=True)
        if len(basis):
            weights = (basis != 0) @ sizes[pieces]
            for row in basis[weights < least]:
                sums.setdefault(np.packbits(row != 0).tobytes(), row)
            if sums:  # whoever asks will change the rows, and ask again
                break
            if lightest is None or weights.min() < (lightest != 0) @ sizes[pieces]:
                lightest = basis[int(np.argmin(weights))]
        if len(rest):  # too few images are left for another basis
            if lightest is not None:
                sums[b""] = lightest
            break
        copies[pivots] -= 1
    vectors = []
    for row in sums.values():
        vector = np.zeros(len(sizes))
        vector[pieces] = row
        vectors.append(vector)
    return sorted(vectors, key=lambda v: (int((v != 0) @ sizes), np.flatnonzero(v).tolist()))


def _eliminated(rows: Floats, order: Ints, *, back: bool) -> tuple[Floats, Floats, Ints]:
    """Gauss's elimination with pivots in the columns of ``order``, first come, first served.

    Args:
        back: Whether pivots are cleared from the rows above as well (Jordan).
    Returns:
        The rows left without a pivot, those with one, and their pivots.
    """
    table = rows.astype(np.float64, copy=True)
    done, pivots = 0, []
    for column in order:
        if done == len(table):
            break
        place = done + int(np.argmax(np.abs(table[done:, column])))
        if abs(table[place, column]) <= _ZERO:
            continue
        table[[done, place]] = table[[place, done]]
        table[done] /= table[done, column]
        factors = table[:, column].copy()
        factors[done] = 0.0
        if not back:
            factors[:done] = 0.0
        hit = np.flatnonzero(factors)
        some = np.flatnonzero(table[done])
        changed = table[np.ix_(hit, some)] - np.outer(factors[hit], table[done, some])
        changed[np.abs(changed) <= _ZERO] = 0.0
        table[np.ix_(hit, some)] = changed
        pivots.append(int(column))
        done += 1
    rest = table[done:]
    return rest[rest.any(axis=1)], table[:done], np.array(pivots, dtype=np.int64)
