"""One gap to be explained: the pictures of two groups, cut in two halves, and a score.

The score of a picture is its cosine with one word, less its mean cosine over all words of the list
where there are three or more: what is particular to the word (the *relative* score of the report).
The gap is the mean score of the group less that of all other pictures.

Units are ranked on one half and measured on the other: the units that look best on some pictures
look better there than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.draws import Floats, Ints, bootstrap_weights, generator
from clipprobe.errors import DataError
from clipprobe.statistics import Estimate

LEAST = 10  # pictures of each side in each half


@dataclass(frozen=True, slots=True, kw_only=True)
class GapTask:
    """A gap and the pictures that show it.

    ``word``, ``group``, ``reference``: whose score, whose gap, against whom.
    ``direction``: ``(d,)``; a picture's score is its unit vector times this.
    ``rows``: numbers of the pictures that take part, ``(n,)``.
    ``inside``: whether each is of the group, ``(n,)``.
    ``clusters``: ``(n,)``; pictures of one cluster are not independent.
    ``fit``: whether each ranks the units; the others measure, ``(n,)``.
    """

    word: str
    group: str
    reference: str
    direction: Floats
    rows: Ints
    inside: NDArray[np.bool_]
    clusters: Ints
    fit: NDArray[np.bool_]

    def scores(self, vectors: ArrayLike) -> Floats:
        """Scores ``(n,)`` of unit vectors ``(n, d)`` of the pictures that take part."""
        result: Floats = np.asarray(vectors, np.float64) @ self.direction
        return result

    def gap(self, scores: Floats, half: NDArray[np.bool_]) -> float:
        """Mean score of the group less that of the others, over one half."""
        return float(scores[half & self.inside].mean() - scores[half & ~self.inside].mean())

    def weights(self, seed: int, n_boot: int) -> Floats:
        """Bootstrap copies of the measuring half, ``(n_boot, n_measured)``, within groups."""
        half = ~self.fit
        _, clusters = np.unique(self.clusters[half], return_inverse=True)
        draws = bootstrap_weights(
            self.inside[half].astype(np.int64),
            clusters.astype(np.int64),
            n_boot,
            generator(seed, "why", self.word, self.group),
        )
        return np.concatenate([chunk.astype(np.float64) for chunk in draws])

    def removed(self, before: Floats, after: Floats, weights: Floats) -> Estimate:
        """Share of the gap that is gone, ``1 - after / before``, on the measuring half.

        Args:
            before, after: Scores of all pictures that take part, ``(n,)``.
            weights: See :meth:`weights`; both gaps are resampled together.
        Returns:
            NaN with a reason where the gap before is not told from 0: a share of nothing.
        """
        half = ~self.fit
        inside = self.inside[half]
        first, second = (_gaps(s[half], inside, weights) for s in (before, after))
        gap, left = self.gap(before, half), self.gap(after, half)
        n = int(half.sum())
        method = f"percentile bootstrap within groups, {len(weights)} draws, 95 %"
        low, high = np.percentile(first, [2.5, 97.5])
        if low <= 0 <= high:
            return Estimate(
                value=float("nan"), low=float("nan"), high=float("nan"), n=n, method=method,
                reason="the gap itself is not told from 0 on the measuring half",
            )  # fmt: skip
        share = 1 - second / first
        low, high = np.percentile(share, [2.5, 97.5])
        return Estimate(value=1 - left / gap, low=float(low), high=float(high), n=n, method=method)


def gap_task(
    texts: Floats,
    words: Sequence[str],
    word: str,
    column: GroupColumn,
    group: str,
    *,
    clusters: Ints | None,
    seed: int,
) -> GapTask:
    """Cut the pictures of a group column in two halves and set up one gap.

    Args:
        texts: Unit vectors of the words, ``(m, d)``.
        clusters: ``(n,)`` over all pictures; each picture by itself where None.
    Raises:
        DataError: the word or the group is not there, or a side is too small to be cut in two.
    """
    check_asked(words, word, column, group)
    direction = texts[list(words).index(word)].copy()
    if len(words) >= 3:
        direction -= texts.mean(axis=0)
    rows = np.flatnonzero(column.labels >= 0)
    inside = column.labels[rows] == column.levels.index(group)
    members = rows if clusters is None else clusters[rows]
    fit = halves(inside.astype(np.int64), members.astype(np.int64), seed)
    task = GapTask(
        word=word,
        group=group,
        reference=column.levels[1 - column.levels.index(group)]
        if len(column.levels) == 2
        else "rest",
        direction=direction,
        rows=rows.astype(np.int64),
        inside=inside,
        clusters=members.astype(np.int64),
        fit=fit,
    )
    smallest = min(int((half & side).sum()) for half in (fit, ~fit) for side in (inside, ~inside))
    if smallest < LEAST:
        raise DataError(
            f"A half of the pictures has only {smallest} on one side of {group!r}: units are "
            f"ranked on one half and measured on the other, and each needs {LEAST} of both."
        )
    return task


def check_asked(words: Sequence[str], word: str, column: GroupColumn, group: str) -> None:
    """Refuse a word or a group that is not there.

    Raises:
        DataError: the word is not one of the words, or the group not one that can be shown.
    """
    if word not in words:
        raise DataError(
            f"The word {word!r} is not in the list of {len(words)} words: name one of the list, or "
            "give a list that holds it (--words FILE, words=[...])."
        )
    if group not in column.levels:
        raise DataError(
            f"The group {group!r} is none of those of {column.name!r} with enough pictures "
            f"({', '.join(column.levels)})."
        )


def halves(labels: Ints, clusters: Ints, seed: int) -> NDArray[np.bool_]:
    """Half of the pictures of each group, ``(n,)``: whole clusters to one half or the other.

    Args:
        labels: Groups, ``(n,)``. clusters: ``(n,)``. seed: Decides who goes where.
    """
    rng = generator(seed, "halves")
    fit = np.zeros(len(labels), dtype=bool)
    taken: set[int] = set()
    for level in np.unique(labels):
        own = [int(c) for c in np.unique(clusters[labels == level]) if int(c) not in taken]
        taken |= set(own)
        chosen = rng.permutation(len(own))[: (len(own) + 1) // 2]
        fit |= np.isin(clusters, [own[i] for i in chosen])
    return fit


def _gaps(scores: Floats, inside: NDArray[np.bool_], weights: Floats) -> Floats:
    ours, others = weights[:, inside], weights[:, ~inside]
    left: Floats = ours @ scores[inside] / ours.sum(axis=1)
    right: Floats = others @ scores[~inside] / others.sum(axis=1)
    return left - right
