"""Complementary suppression: what is hidden must not follow from what is shown.

A group below ``SHOW_FROM`` images is not shown. But a report has several columns over the same
images, and some figures are about a part of them (accuracy on race is about images whose race is
known). The hits of "Black" minus those of "Black x Male" are those of "Black x Female", however
small that group is; the hits of all by gender minus those of all by race are those of the images
without an annotated race, be it one. So every set of images that a report has figures of is a row
here: each shown group of each column, over all images and over each part, and all images that take
part in anything. :func:`attacks.bias.groups.exposure.small_sets` finds what combinations of them
are about fewer than ``SHOW_FROM`` images. Until there are none,

* a shown group is withheld, smallest intersections first, where the set is a hidden group's, with
  every column annotated (Cox 1980; the usual practice of statistical offices, e.g. Hundepool et al.
  2012, chapter 4);
* else the images of the set, fewer than ten each time, are left out of every figure: they differ
  from their neighbours by a missing annotation, and to hide a large group on their account would
  cost more than it is worth.

It is about exact computation from sums. Bounds (a rate of 0 shows that every part has none), what
somebody knows from elsewhere, and another report on the same images are not covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.columns import CROSS, SHOW_FROM, GroupColumn, restrict, withhold, without
from attacks.bias.groups.exposure import small_sets
from clipprobe.arrays import Floats, Ints

_ZERO = 1e-9
Place = tuple[int, str]  # place of the column, and its value


@dataclass(frozen=True, slots=True)
class _Published:
    """The sets that a report has figures of, over the pieces that they tell apart.

    ``rows``: ``(r, a)``, 0 or 1. ``cells``: which group each row is, for the first of them, which
    are about all images; the others are parts and totals. ``pieces``: ``(n,)``, the piece of each
    image, -1 where it is in no set. ``sizes``: ``(a,)``. ``annotated``: ``(a,)``, whether its
    images have a value in every column.
    """

    rows: Floats
    cells: tuple[Place, ...]
    pieces: Ints
    sizes: Ints
    annotated: NDArray[np.bool_]


def protect(
    columns: Sequence[GroupColumn], parts: Sequence[NDArray[np.bool_]] = ()
) -> list[GroupColumn]:
    """The columns, with as many values withheld and images left out as it takes; the same ones
    where nothing is given away. Columns that hold no codes (over part of the images) are left as
    they are.

    Args:
        parts: Images ``(n,)`` that some figures are about, where these are not all.
    """
    protected = list(columns)
    if len({len(c.codes) for c in protected}) != 1 or not len(protected[0].codes):
        return protected
    while True:
        published = _published(protected, parts)
        exposed = small_sets(published.rows, published.sizes, SHOW_FROM)
        if not exposed:
            return protected
        hidden = [v for v in exposed if _is_hidden_group(published, v)]
        if hidden:
            place, level = _victim(protected, published, hidden[0])
            protected[place] = withhold(protected[place], level)
            continue
        gone = np.isin(published.pieces, _left_out(published, exposed))
        protected = [without(column, gone) for column in protected]


def taking_part(columns: Sequence[GroupColumn]) -> NDArray[np.bool_]:
    """Which images are in a shown group of some column, and so in some figure, ``(n,)``."""
    return np.asarray(np.logical_or.reduce([column.labels >= 0 for column in columns]))


def n_taking_part(columns: Sequence[GroupColumn]) -> int:
    """How many those are."""
    return int(taking_part(columns).sum())


def _published(columns: Sequence[GroupColumn], parts: Sequence[NDArray[np.bool_]]) -> _Published:
    """Every set of images that there are figures of."""
    some = {part.tobytes(): part for part in parts if not part.all()}
    domains = [list(columns), *([restrict(c, part) for c in columns] for part in some.values())]
    labels = np.stack([column.labels for domain in domains for column in domain])
    annotated = np.stack([column.codes >= 0 for column in columns]).all(axis=0)
    inside = (labels >= 0).any(axis=0)
    patterns, piece = np.unique(
        np.vstack([labels, annotated])[:, inside], axis=1, return_inverse=True
    )
    rows = [
        patterns[line] == level
        for line, column in enumerate(column for domain in domains for column in domain)
        for level in range(len(column.levels))
    ]
    everyone = np.ones(patterns.shape[1], dtype=bool)
    pieces = np.full(labels.shape[1], -1, dtype=np.int64)
    pieces[inside] = piece.ravel()
    return _Published(
        rows=np.array([*rows, everyone], dtype=np.float64),
        cells=tuple((i, level) for i, column in enumerate(columns) for level in column.levels),
        pieces=pieces,
        sizes=np.bincount(piece.ravel(), minlength=patterns.shape[1]),
        annotated=patterns[-1].astype(bool),
    )


def _left_out(published: _Published, exposed: Sequence[Floats]) -> Ints:
    """The pieces to leave out next: those of small sets that lack an annotation, lightest first and
    one set after the other, since without the first another may be large enough; where no set has
    such a piece, the lightest set.
    """
    gone = np.zeros(len(published.sizes), dtype=bool)
    for vector in exposed:
        pieces = vector != 0
        if not (gone & pieces).any():
            gone |= pieces & ~published.annotated
    return np.flatnonzero(gone if gone.any() else exposed[0])


def _is_hidden_group(published: _Published, vector: Floats) -> bool:
    """Whether its images are annotated in every column and the groups of all images alone give
    it away: then a group must be withheld."""
    if not published.annotated[vector != 0].all():
        return False
    groups = published.rows[: len(published.cells)]
    return bool(derivable(groups, vector[None])[0])


def derivable(rows: Floats, targets: Floats) -> NDArray[np.bool_]:
    """Whether each target is a combination of the rows: ``(r, a)``, ``(t, a)`` -> ``(t,)``.

    Example:
        >>> derivable(np.array([[1.0, 1, 0], [1, 0, 0]]), np.array([[0.0, 1, 0], [0, 0, 1]]))
        array([ True, False])
    """
    _, basis = _row_space(rows)
    residual = targets - (targets @ basis.T) @ basis
    result: NDArray[np.bool_] = np.linalg.norm(residual, axis=1) < _ZERO * np.sqrt(
        targets.shape[1]
    ) * np.maximum(1.0, np.linalg.norm(targets, axis=1))
    return result


def _row_space(rows: Floats) -> tuple[Floats, Floats]:
    """Orthonormal bases of what the columns span, ``(r, rank)``, and the rows, ``(rank, a)``."""
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    rank = int(np.count_nonzero(singular > _ZERO * max(rows.shape) * singular[:1].max(initial=0)))
    return left[:, :rank], right[:rank]


def _victim(columns: Sequence[GroupColumn], published: _Published, target: Floats) -> Place:
    """The value to withhold: the smallest that stops the computation by itself; else the smallest
    that takes part in it. Intersections go before whole columns.
    """
    visible = published.cells
    rows = published.rows[: len(visible)]
    used, *_ = np.linalg.lstsq(rows.T, target, rcond=None)
    # A row is needed where it is not a combination of the others: the projection onto what the rows
    # span, row by row, is then 1 on the diagonal.
    basis, _ = _row_space(rows)
    replaceable = 1 - (basis**2).sum(axis=1) > _ZERO * len(rows)
    part = np.abs(used) > _ZERO * len(rows)
    candidates = np.flatnonzero(part & ~replaceable)
    if not len(candidates):
        candidates = np.flatnonzero(part)

    def order(i: int) -> tuple[int, int, str, str]:
        place, level = visible[i]
        column = columns[place]
        return -column.name.count(CROSS), column.sizes[level], column.name, level

    return visible[min(map(int, candidates), key=order)]
