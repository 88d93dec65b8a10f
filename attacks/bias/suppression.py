"""Complementary suppression: what is hidden must not follow from what is shown.

A group below ``SHOW_FROM`` images is not shown. But a report has several columns over the same
images: the hits of "Black" minus those of "Black x Male" are those of "Black x Female", however
small that group is. Every rate that is shown is one linear equation in the hits of the smallest
pieces (images that agree in all columns). A hidden group is given away where its own row of that
system is a combination of the rows shown, which :func:`derivable` decides by linear algebra. Then
further values are withheld, smallest intersections first, until no row can be combined
(Cox 1980; the usual practice of statistical offices, e.g. Hundepool et al. 2012, chapter 4).

Protected are each hidden group, all hidden groups of a column together, and all hidden parts of one
value of a crossed column together, as far as they hold fewer than ``SHOW_FROM`` images. It is about
exact computation from sums; bounds (a rate of 0 shows that every part has none) and what somebody
knows from elsewhere are not covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups import CROSS, SHOW_FROM, GroupColumn
from attacks.bias.resampling import Floats, Ints

_ZERO = 1e-9


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The images of each combination of values: ``codes`` ``(a, columns)``, ``sizes`` ``(a,)``."""

    codes: Ints
    sizes: Ints

    def row(self, place: int, values: Sequence[int]) -> Floats:
        """Which pieces belong to some values of one column, ``(a,)``, 0 or 1."""
        return np.isin(self.codes[:, place], values).astype(np.float64)


def protect(columns: Sequence[GroupColumn]) -> list[GroupColumn]:
    """The columns, with as many values withheld as it takes; the same ones where nothing is given
    away. Columns that hold no codes (over part of the images) are left as they are.
    """
    found = list(columns)
    if len({len(c.codes) for c in found}) != 1 or not len(found[0].codes):
        return found
    codes, counts = np.unique(
        np.stack([c.codes for c in found], axis=1), axis=0, return_counts=True
    )
    pieces = _Pieces(codes=codes, sizes=counts)
    while True:
        shown = [(place, level) for place, c in enumerate(found) for level in c.levels]
        targets = _targets(found, pieces)
        if not shown or not len(targets):
            return found
        rows = np.stack([pieces.row(p, [_code(found[p], level)]) for p, level in shown])
        given_away = derivable(rows, targets)
        if not given_away.any():
            return found
        place, level = _victim(found, shown, rows, targets[int(np.argmax(given_away))])
        found[place] = _withhold(found[place], level)


def derivable(rows: Floats, targets: Floats) -> NDArray[np.bool_]:
    """Whether each target is a combination of the rows: ``(r, a)``, ``(t, a)`` -> ``(t,)``.

    Example:
        >>> derivable(np.array([[1.0, 1, 0], [1, 0, 0]]), np.array([[0.0, 1, 0], [0, 0, 1]]))
        array([ True, False])
    """
    basis = _row_space(rows)
    residual = targets - (targets @ basis.T) @ basis
    result: NDArray[np.bool_] = np.linalg.norm(residual, axis=1) < _ZERO * np.sqrt(
        targets.shape[1]
    ) * np.maximum(1.0, np.linalg.norm(targets, axis=1))
    return result


def _row_space(rows: Floats) -> Floats:
    _, singular, basis = np.linalg.svd(rows, full_matrices=False)
    rank = int(np.count_nonzero(singular > _ZERO * max(rows.shape) * singular[0]))
    result: Floats = basis[:rank]
    return result


def _targets(columns: Sequence[GroupColumn], pieces: _Pieces) -> Floats:
    """Rows of what must not be computable: ``(t, a)``."""
    rows = []
    for place, column in enumerate(columns):
        hidden = [v for v, n in column.sizes.items() if n < SHOW_FROM]
        unions = [[value] for value in hidden]
        if len(hidden) > 1:
            unions.append(hidden)
        n_parts = column.name.count(CROSS) + 1
        for i in range(n_parts if n_parts > 1 else 0):
            parts: dict[str, list[str]] = {}
            for value in hidden:
                parts.setdefault(value.split(CROSS)[i], []).append(value)
            unions += [part for part in parts.values() if len(part) > 1]
        for union in unions:
            row = pieces.row(place, [_code(column, value) for value in union])
            if 0 < row @ pieces.sizes < SHOW_FROM:
                rows.append(row)
    return np.unique(np.array(rows), axis=0) if rows else np.zeros((0, len(pieces.sizes)))


def _victim(
    columns: Sequence[GroupColumn],
    shown: Sequence[tuple[int, str]],
    rows: Floats,
    target: Floats,
) -> tuple[int, str]:
    """The value to withhold: the smallest that stops the computation by itself; else the smallest
    that takes part in it. Intersections go before whole columns.
    """
    used, *_ = np.linalg.lstsq(rows.T, target, rcond=None)
    # A row is needed where it is no combination of the others: the projection onto what the rows
    # span, row by row, is then 1 on the diagonal.
    left, singular, _ = np.linalg.svd(rows, full_matrices=False)
    rank = int(np.count_nonzero(singular > _ZERO * max(rows.shape) * singular[0]))
    replaceable = 1 - (left[:, :rank] ** 2).sum(axis=1) > _ZERO * len(rows)
    part = np.abs(used) > _ZERO * len(rows)
    candidates = np.flatnonzero(part & ~replaceable)
    if not len(candidates):
        candidates = np.flatnonzero(part)

    def order(i: int) -> tuple[int, int, str, str]:
        place, level = shown[i]
        column = columns[place]
        return -column.name.count(CROSS), column.sizes[level], column.name, level

    return shown[min(map(int, candidates), key=order)]


def _withhold(column: GroupColumn, level: str) -> GroupColumn:
    gone = column.levels.index(level)
    labels = np.where(column.labels == gone, -1, column.labels - (column.labels > gone))
    return replace(
        column,
        levels=tuple(one for one in column.levels if one != level),
        labels=labels.astype(np.int64),
        withheld=(*column.withheld, level),
    )


def _code(column: GroupColumn, value: str) -> int:
    return list(column.sizes).index(value)
