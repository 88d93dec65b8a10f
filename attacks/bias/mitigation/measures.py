"""What a mitigation changes: the association it is meant for, other attributes, and accuracy.

The association of a group column is measured as *aligned d*. For each word the sign of its d is
taken on the fitting half; on the scoring half the d of every word, with that sign, is averaged.
Unlike a mean of absolute values this is 0 on average where nothing is associated, and linear, so
that its bootstrap interval is honest and before and after can be subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.association import weighted_effect_sizes
from attacks.bias.measures.draws import Floats, Ints, bootstrap_weights, generator
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import (
    Estimate,
    difference_of_paired_proportions,
    mcnemar,
    undefined,
    wilson,
)

LEAST = 10  # images of a group on each half
HALF_TOO_SMALL = f"a half has under {LEAST} images of a group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(AsJson):
    """One measure before and after, on the scoring half.

    ``measure``: ``aligned d``, ``linear probe AUC`` or ``zero-shot accuracy``; ``about``: the group
    column or data set.
    ``before``, ``after``, ``difference``: estimates; the difference is after minus before, paired.
    ``p``: McNemar's for accuracies; NaN where there is no test.
    """

    measure: str
    about: str
    before: Estimate
    after: Estimate
    difference: Estimate
    p: float = float("nan")

    @classmethod
    def unknown(cls, measure: str, about: str, gone: Estimate) -> Change:
        """One of which nothing can be said, for the reason of ``gone``."""
        return cls(measure=measure, about=about, before=gone, after=gone, difference=gone)


def too_small(column: GroupColumn, fit: NDArray[np.bool_]) -> bool:
    """Whether a group has under :data:`LEAST` images in the fitting half ``(n,)`` or the other."""
    sizes = [
        int((half & (column.labels == level)).sum())
        for half in (fit, ~fit)
        for level in range(len(column.levels))
    ]
    return len(column.levels) < 2 or min(sizes) < LEAST


def aligned_change(
    column: GroupColumn,
    before: Floats,
    after: Floats,
    fit: NDArray[np.bool_],
    clusters: Ints | None,
    *,
    n_boot: int,
    seed: int,
) -> Change:
    """Aligned d of one group column before and after.

    Args:
        before, after: Cosines ``(n, m)`` of all images with the words.
        fit: Whether an image is of the fitting half, ``(n,)``.
        clusters: ``(n,)`` or None.
    """
    about = column.heading
    scoring = (column.labels >= 0) & ~fit
    if too_small(column, fit):
        gone = undefined(HALF_TOO_SMALL, n=int(scoring.sum()))
        return Change.unknown("aligned d", about, gone)
    first, second = relative(before), relative(after)
    signs = _signs(column, first, fit)
    draws = scoring_draws(column, scoring, clusters, n_boot=n_boot, seed=seed)

    def aligned(scores: Floats, weights: Floats | None) -> Floats:
        return _aligned(column, scores, signs, scoring, weights)

    n = int(scoring.sum())
    values = [float(aligned(scores, None)[0]) for scores in (first, second)]
    boots = [aligned(scores, draws) for scores in (first, second)]
    return Change(
        measure="aligned d",
        about=about,
        before=_estimate(values[0], boots[0], n),
        after=_estimate(values[1], boots[1], n),
        difference=_estimate(values[1] - values[0], boots[1] - boots[0], n),
    )


def aligned_value(
    column: GroupColumn, before: Floats, after: Floats, fit: NDArray[np.bool_], *, on_fit: bool
) -> float:
    """Aligned d after a mitigation on one half, without an interval: to choose, or as a control."""
    part = (column.labels >= 0) & (fit if on_fit else ~fit)
    signs = _signs(column, relative(before), fit)
    return float(_aligned(column, relative(after), signs, part, None)[0])


def scoring_draws(
    column: GroupColumn,
    scoring: NDArray[np.bool_],
    clusters: Ints | None,
    *,
    n_boot: int,
    seed: int,
) -> Floats:
    """Bootstrap copies ``(n_boot, n)`` of the scoring half, within groups, clusters whole."""
    own = None if clusters is None else np.unique(clusters[scoring], return_inverse=True)[1]
    rng = generator(seed, "mitigation", column.name)
    weights = bootstrap_weights(column.labels[scoring], own, n_boot, rng)
    return np.concatenate([chunk.astype(np.float64) for chunk in weights])


def groups_of(n_levels: int) -> Sequence[int]:
    """Groups that are compared with the rest: of two only the later."""
    return [1] if n_levels == 2 else range(n_levels)


def _signs(column: GroupColumn, scores: Floats, fit: NDArray[np.bool_]) -> Floats:
    """Signs ``(comparisons, m)`` of d on the fitting half."""
    part = (column.labels >= 0) & fit
    values = _d(scores[part], column.labels[part], len(column.levels), None)[0]
    result: Floats = np.sign(values)
    return result


def _aligned(
    column: GroupColumn,
    scores: Floats,
    signs: Floats,
    part: NDArray[np.bool_],
    weights: Floats | None,
) -> Floats:
    values = _d(scores[part], column.labels[part], len(column.levels), weights) * signs
    result: Floats = np.where(np.isnan(values), 0.0, values).mean(axis=(1, 2))
    return result


def relative(scores: Floats) -> Floats:
    """Cosines less each image's mean over three words or more; else as they are."""
    if scores.shape[1] < 3:
        return scores
    result: Floats = scores - scores.mean(axis=1, keepdims=True)
    return result


def accuracy_change(
    about: str, before: NDArray[np.bool_], after: NDArray[np.bool_], *, seed: int
) -> Change:
    """Zero-shot accuracy on the same images, ``(n,)`` right or wrong before and after."""
    return Change(
        measure="zero-shot accuracy",
        about=about,
        before=wilson(int(before.sum()), len(before)),
        after=wilson(int(after.sum()), len(after)),
        difference=difference_of_paired_proportions(after, before, seed=seed),
        p=mcnemar(after, before),
    )


def right_answers(images: Floats, classes: Floats, labels: Sequence[int]) -> NDArray[np.bool_]:
    """Whether the nearest class is the label, for unit vectors ``(n, d)`` and ``(c, d)``."""
    return np.asarray((images @ classes.T).argmax(axis=1) == np.asarray(labels), dtype=bool)


def _d(scores: Floats, labels: Ints, n_levels: int, weights: Floats | None) -> Floats:
    """``(b, n_comparisons, m)``: the later of two groups against the earlier; else each, the
    rest."""
    copies = np.ones((1, len(labels))) if weights is None else weights
    return np.stack(
        [weighted_effect_sizes(scores, labels == group, copies) for group in groups_of(n_levels)],
        axis=1,
    )


def _estimate(value: float, draws: Floats, n: int) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(
        value=value, low=float(low), high=float(high), n=n,
        method=f"percentile bootstrap within groups, {len(draws)} draws, 95 %",
    )  # fmt: skip
