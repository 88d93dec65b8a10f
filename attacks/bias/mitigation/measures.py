"""What a mitigation changes: the association it is meant for, other attributes, and accuracy.

The association of a group column is measured as *aligned d*. For each word the sign of its d is
taken on the fitting half; on the scoring half the d of every word, with that sign, is averaged.
Unlike a mean of absolute values this is 0 on average where nothing is associated, and linear, so
that its bootstrap interval is honest and before and after can be subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups.columns import LEAST_CLUSTERS, GroupColumn
from attacks.bias.measures.association import weighted_effect_sizes
from attacks.bias.measures.draws import Floats, Ints, bootstrap_weights, generator
from clipprobe.lines import count_words
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """A group column over two halves of the images: one fits, the other scores.

    ``fit``: whether an image is of the fitting half, ``(n,)``. ``clusters``: ``(n,)`` or None.
    ``n_boot``, ``seed``: of the intervals on the other half.
    """

    column: GroupColumn
    fit: NDArray[np.bool_]
    clusters: Ints | None
    n_boot: int
    seed: int

    @property
    def fitting(self) -> NDArray[np.bool_]:
        """The images of the groups that fit, ``(n,)``."""
        return (self.column.labels >= 0) & self.fit

    @property
    def scoring(self) -> NDArray[np.bool_]:
        """The images of the groups that score, ``(n,)``."""
        return (self.column.labels >= 0) & ~self.fit

    @property
    def too_small(self) -> bool:
        """Whether a group has under :data:`LEAST` images in one of the halves."""
        levels, labels = range(len(self.column.levels)), self.column.labels
        sizes = [
            int((half & (labels == g)).sum()) for half in (self.fit, ~self.fit) for g in levels
        ]
        return len(levels) < 2 or min(sizes) < LEAST

    def told(self, estimate: Estimate) -> Estimate:
        """The estimate, without its interval where a group has under :data:`LEAST_CLUSTERS` on the
        scoring half: of one cluster no resample differs."""
        if self.clusters is None:
            return estimate
        labels, own = self.column.labels[self.scoring], self.clusters[self.scoring]
        fewest = min(len(np.unique(own[labels == g])) for g in range(len(self.column.levels)))
        if fewest >= LEAST_CLUSTERS:
            return estimate
        reason = f"only {count_words(fewest, 'cluster')} of a group on the scoring half"
        return replace(estimate, low=math.nan, high=math.nan, reason=reason)

    def draws(self, n_boot: int) -> Floats:
        """Bootstrap copies ``(n_boot, n)`` of the scoring half, within groups, clusters whole."""
        labels, clusters = self.column.labels[self.scoring], self.clusters
        own = (
            None if clusters is None else np.unique(clusters[self.scoring], return_inverse=True)[1]
        )
        rng = generator(self.seed, "mitigation", self.column.name)
        weights = bootstrap_weights(labels, own, n_boot, rng)
        return np.concatenate([chunk.astype(np.float64) for chunk in weights])


def aligned_change(halves: Halves, before: Floats, after: Floats) -> Change:
    """Aligned d of one group column, from cosines ``(n, m)`` of all images with the words."""
    about, n = halves.column.heading, int(halves.scoring.sum())
    if halves.too_small:
        return Change.unknown("aligned d", about, undefined(HALF_TOO_SMALL, n=n))
    tables = (relative(before), relative(after))
    signs, draws = _signs(halves, tables[0]), halves.draws(halves.n_boot)
    first, second = (float(_aligned(halves, x, signs, halves.scoring)[0]) for x in tables)
    boot, boot_after = (_aligned(halves, x, signs, halves.scoring, draws) for x in tables)
    return Change(
        measure="aligned d",
        about=about,
        before=halves.told(_estimate(first, boot, n)),
        after=halves.told(_estimate(second, boot_after, n)),
        difference=halves.told(_estimate(second - first, boot_after - boot, n)),
    )


def aligned_value(halves: Halves, before: Floats, after: Floats, *, on_fit: bool) -> float:
    """Aligned d after a mitigation on one half, without an interval: to choose, or as a control."""
    part = halves.fitting if on_fit else halves.scoring
    return float(_aligned(halves, relative(after), _signs(halves, relative(before)), part)[0])


def groups_of(n_levels: int) -> Sequence[int]:
    """Groups that are compared with the rest: of two only the later."""
    return [1] if n_levels == 2 else range(n_levels)


def _signs(halves: Halves, scores: Floats) -> Floats:
    """Signs ``(comparisons, m)`` of d on the fitting half."""
    result: Floats = np.sign(_d(halves.column, scores, halves.fitting, None)[0])
    return result


def _aligned(
    halves: Halves,
    scores: Floats,
    signs: Floats,
    part: NDArray[np.bool_],
    weights: Floats | None = None,
) -> Floats:
    values = _d(halves.column, scores, part, weights) * signs
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


def _d(
    column: GroupColumn, scores: Floats, part: NDArray[np.bool_], weights: Floats | None
) -> Floats:
    """``(b, n_comparisons, m)``: the later of two groups against the earlier; else each, the
    rest."""
    labels, own = column.labels[part], scores[part]
    copies = np.ones((1, len(labels))) if weights is None else weights
    groups = groups_of(len(column.levels))
    return np.stack([weighted_effect_sizes(own, labels == g, copies) for g in groups], axis=1)


def _estimate(value: float, draws: Floats, n: int) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(
        value=value, low=float(low), high=float(high), n=n,
        method=f"percentile bootstrap within groups, {len(draws)} draws, 95 %",
    )  # fmt: skip
