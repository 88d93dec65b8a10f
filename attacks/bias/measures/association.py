"""Association: is a text closer to the images of one annotated group than to another's?

For one text with cosines ``s`` to ``n`` images, the effect size is WEAT's with images as targets
and the text as the single attribute (Caliskan et al. 2017; SC-EAT; iEAT, Steed & Caliskan 2021):

    d = (mean of s over the group - mean of s over the reference) / sd of s over both, ddof = 1

i.e. the difference of mean standardised cosine. ``d`` is in standard deviations over images, not in
cosine; it says nothing about a single image. A lean that is common to all texts (one group's
images simply lie closer to every caption) shows in every ``d`` alike: see ``mean signed d``.
``relative d`` is the same figure after each image's mean cosine over the probe's words was taken
away: what is particular to one word, given the others in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.draws import Copies, Floats, Ints, Labels
from attacks.bias.measures.group_sums import permuted_sums, resampled_sums


def effect_sizes(scores: Floats, group: NDArray[np.bool_]) -> Floats:
    """``d`` of every text: cosines ``(n, m)``, group membership ``(n,)`` -> ``(m,)``.

    The reference is every image that is not in the group. NaN where all cosines are equal or a
    side is empty.

    Example:
        >>> effect_sizes(np.array([[2.0], [4.0], [0.0], [2.0]]), np.array([1, 1, 0, 0], bool))
        array([1.22474487])
    """
    result: Floats = weighted_effect_sizes(scores, group, np.ones((1, len(group))))[0]
    return result


def weighted_effect_sizes(scores: Floats, group: NDArray[np.bool_], weights: Floats) -> Floats:
    """``d`` under each row of weights ``(b, n)`` -> ``(b, m)``; a weight counts copies."""
    return resampled_effect_sizes(scores, group.astype(np.int64), 2, [1], [weights])[0]


def resampled_effect_sizes(
    scores: Floats,
    labels: Ints,
    n_groups: int,
    groups: Sequence[int],
    copies: Iterable[Copies | Floats],
) -> list[Floats]:
    """``d`` of each of ``groups`` against the rest under copies of the images.

    Args:
        scores: Cosines ``(n, m)``. labels: ``(n,)``. copies: Chunks ``(b, n)``.
    Returns:
        For each group ``(n_boot, m)``, all chunks together.
    """
    m = scores.shape[1]
    centred, _ = _centred(scores)  # d is unchanged, and the variance below is exact
    # Equal cosines leave rounding dust instead of 0: below it there is no spread to speak of.
    dust = 1e-20 * np.maximum(1.0, np.square(scores).max(axis=0, initial=0.0))
    parts = [np.zeros((0, len(groups), m))]
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.hstack([centred, centred**2])
        for sums, sizes in resampled_sums(table, labels, copies, n_groups):
            every, total = sums.sum(axis=1), sizes.sum(axis=1)[:, None]
            variance = (every[:, m:] - every[:, :m] ** 2 / total) / (total - 1)
            spread = np.where(variance > dust, np.sqrt(variance), np.nan)
            gaps = _gaps(sums[:, :, :m], sizes, every[:, :m], groups)
            parts.append(gaps / spread[:, None])
    return list(np.concatenate(parts).transpose(1, 0, 2))


def permuted_effect_sizes(
    scores: Floats, labels: Iterable[Labels], n_groups: int, groups: Sequence[int]
) -> list[Floats]:
    """``d`` of each of ``groups`` against the rest under permuted labels, ``(n_permutations, m)``
    each.

    The spread over all images does not change when labels move, so it is computed once.
    """
    centred, spread = _centred(scores)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [
            _gaps(sums, sizes, sums.sum(axis=1), groups) / spread
            for sums, sizes in permuted_sums(centred, labels, n_groups)
        ]
    return list(np.concatenate(parts).transpose(1, 0, 2))


def _centred(scores: Floats) -> tuple[Floats, Floats]:
    """The scores less the mean of their column, and its standard deviation, ``(m,)``."""
    # By rows of the transpose: a column's sums do not depend on how many columns there are.
    rows = np.ascontiguousarray(scores.T)
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(centred.T), rows.std(axis=1, ddof=1)


def _gaps(sums: Floats, sizes: Floats, every: Floats, groups: Sequence[int]) -> Floats:
    """Mean of each group less the mean of the rest, ``(r, groups, m)``, of sums ``(r, g, m)``."""
    own, n_own = sums[:, groups], sizes[:, groups, None]
    total = sizes.sum(axis=1)[:, None, None]
    gaps: Floats = own / n_own - (every[:, None] - own) / (total - n_own)
    return gaps
