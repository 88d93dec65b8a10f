"""From scores and groups to cells: the association figures of one group column.

Pure numpy: no model, no images. A probe is a list of texts and a choice of these measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from attacks.bias.measures.association import (
    effect_sizes,
    permuted_effect_sizes,
    resampled_effect_sizes,
)
from attacks.bias.measures.cells import ASSOCIATION, RELATIVE, Cell, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.subjects import Subject, Subjects, percentile_interval

STRENGTH, LEAN = Key("mean |d|", contrast="mean"), Key("mean signed d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """``d`` of all items for one comparison.

    ``subject``: what is compared. ``value``: as seen, ``(m,)``; ``boot``, ``null``: resampled and
    permuted, ``(b, m)``; ``pairs``: :attr:`Frame.pairing`'s.
    """

    subject: Subject
    value: Floats
    boot: Floats
    null: Floats
    pairs: Floats | None

    def items(self, part: slice) -> Effects:
        """Some of the items."""
        return replace(
            self,
            value=self.value[part],
            boot=self.boot[:, part],
            null=self.null[:, part],
            pairs=None if self.pairs is None else self.pairs[:, part],
        )


def association_cells(subjects: Subjects, items: Sequence[str]) -> list[Cell]:
    """``d`` and relative ``d`` of every item for every group, and the mean over items.

    Two groups make one comparison (the later value against the earlier); more are each compared
    with the rest. A relative ``d`` needs at least three items, else they mirror each other.
    """
    frame, cells = subjects.frame, subjects.hidden(ASSOCIATION, items)
    if len(frame.column.levels) < 2:
        return cells
    tables = {ASSOCIATION: frame.scores}
    if len(items) >= 3:
        tables[RELATIVE] = frame.scores - frame.scores.mean(axis=1, keepdims=True)
    effects = find_effects(subjects, np.hstack(list(tables.values())))  # one pass for both
    for start, key in zip(range(0, 2 * len(items), len(items)), tables, strict=False):
        part = [one.items(slice(start, start + len(items))) for one in effects]
        cells += item_cells(items, key, part)
    plain = [one.items(slice(len(items))) for one in effects]
    return cells + _mean_cells(subjects, plain)


def find_effects(subjects: Subjects, scores: Floats, *, mirrored: bool = False) -> list[Effects]:
    """``d`` of every column of scores ``(n, m)`` for every comparison, with all its draws."""
    frame = subjects.frame
    n_groups, compared = len(frame.column.levels), subjects.compared(mirrored=mirrored)
    groups = [subject.groups[0] for subject in compared]
    boots = resampled_effect_sizes(scores, frame.labels, n_groups, groups, frame.weights)
    nulls = permuted_effect_sizes(scores, frame.permutations, n_groups, groups)
    pairs = None
    if frame.pairing is not None and not mirrored:
        pairs = resampled_effect_sizes(scores, frame.labels, n_groups, groups, frame.pairing)
    return [
        Effects(
            subject=subject,
            value=effect_sizes(scores, frame.labels == groups[i]),
            boot=boots[i],
            null=nulls[i],
            pairs=None if pairs is None else pairs[i],
        )
        for i, subject in enumerate(compared)
    ]


def item_cells(
    items: Sequence[str], key: Key, effects: Sequence[Effects], *, test: bool = True
) -> list[Cell]:
    """``d`` of every item for every comparison: one column of ``effects`` per item."""
    cells = []
    for one in effects:
        subject = one.subject
        for j, item in enumerate(items):
            interval = percentile_interval(one.boot[:, j], subject.settings.level)
            estimate = subject.judged(
                one.value[j], interval, one.null[:, j], two_sided=True, test=test
            )
            if math.isnan(one.value[j]):
                estimate["reason"] = "all images have the same cosine"
            if one.pairs is not None and subject.inferred:
                estimate["draws"] = one.pairs[:, j]
            cells.append(subject.cell(key, item, **estimate))
    return cells


def _mean_cells(subjects: Subjects, effects: Sequence[Effects]) -> list[Cell]:
    """The mean over items: how strong associations are, and how much lean all items share."""
    values = [one.value for one in effects]
    boots, nulls = [one.boot for one in effects], [one.null for one in effects]
    levels, whole = subjects.frame.column.levels, subjects.whole("no association")
    if not np.isfinite(np.concatenate(values)).all():
        reason = "undefined, because all images have the same cosine with some word"
        whole = replace(whole, reason=reason)
    mean = float(np.mean(np.abs(values)))
    # Resampling inflates absolute values, so their own percentiles would miss the truth. But two
    # means of |d| never differ by more than the mean of |difference|: that bound is resampled.
    away = np.mean([np.abs(b - v).mean(axis=1) for b, v in zip(boots, values, strict=True)], axis=0)
    level = subjects.settings.level
    bound = float(np.percentile(away, 100 * level)) if np.isfinite(away).all() else math.nan
    strength = whole.judged(
        mean,
        (max(0.0, mean - bound), mean + bound),
        np.mean([np.abs(x).mean(axis=1) for x in nulls], axis=0),
        how="bootstrap bound on the mean deviation",
    )
    why = "an average of absolute values is above 0 by chance: see the excess"
    cells = [whole.cell(STRENGTH, "", why=why, **strength)]
    if len(levels) == 2:
        lean = whole.judged(
            float(values[0].mean()),
            percentile_interval(boots[0].mean(axis=1), level),
            nulls[0].mean(axis=1),
            two_sided=True,
        )
        cells.append(whole.cell(LEAN, "", group=levels[1], reference=levels[0], **lean))
    return cells
