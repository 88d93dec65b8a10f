"""Association: is a text closer to the images of one annotated group than to another's?

For one text with cosines ``s`` to ``n`` images, the effect size is WEAT's with images as targets
and the text as the single attribute (Caliskan et al. 2017; SC-EAT; iEAT, Steed & Caliskan 2021):

    d = (mean of s over the group - mean of s over the reference) / sd of s over both, ddof = 1

i.e. the difference of mean standardised cosine. ``d`` is in standard deviations over images, not in
cosine; it says nothing about a single image. A lean that is common to all texts (one group's
pictures simply lie closer to every caption) shows in every ``d`` alike: see ``mean signed d``.
``relative d`` is the same figure after each image's mean cosine over the probe's words was taken
away: what is particular to one word, given the others in the list.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from attacks.bias.resampling import Floats, Labels


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
    inside = weights[:, group]
    total = weights.sum(axis=1, keepdims=True)
    n_group = inside.sum(axis=1, keepdims=True)
    centred = scores - scores.mean(axis=0)  # d is unchanged, and the variance below is exact
    sum_group = inside @ centred[group]
    sum_all = weights @ centred
    squares = weights @ centred**2
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sum_group / n_group - (sum_all - sum_group) / (total - n_group)
        variance = (squares - sum_all**2 / total) / (total - 1)
        # Equal cosines leave rounding dust instead of 0: below it there is no spread to speak of.
        dust = 1e-20 * np.maximum(1.0, np.square(scores).max(axis=0, initial=0.0))
        result: Floats = np.where(variance > dust, gap / np.sqrt(variance), np.nan)
    return result


def permuted_effect_sizes(scores: Floats, labels: Iterable[Labels], group: int) -> Floats:
    """``d`` of ``group`` against the rest under permuted labels, ``(n_permutations, m)``.

    The spread over all images does not change when labels move, so it is computed once.
    """
    spread = scores.std(axis=0, ddof=1)
    centred = scores - scores.mean(axis=0)
    total = centred.sum(axis=0)
    rows = []
    for chunk in labels:
        inside = (chunk == group).astype(np.float64)
        n_group = inside.sum(axis=1, keepdims=True)
        sums = inside @ centred
        rows.append(sums / n_group - (total - sums) / (len(scores) - n_group))
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.concatenate(rows) / spread
    return result
