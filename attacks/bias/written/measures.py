"""From answers under four conditions to cells: rates, shifts, and how groups differ in them.

    shift_g      = Rate_g(word) - Rate_g(nonsense), paired over the images of g
    difference   = shift_g - shift_rest              (of two groups: the one less the other)
    gap          = max_g shift_g - min_g shift_g

The nonsense word stands in the same place at the same size, so a shift is what *reading* adds to
clutter. The same is computed of margins (cosine with the label less the largest with another):
they move where a rate is stuck at 0 or 1. A shift's interval is a paired bootstrap within the
group; a difference's a bootstrap of clusters within groups, its p comes from permuting the group
labels over clusters. Where all images of a side answer alike a bootstrap of rates has no width;
then the two sides' own intervals (Wilson's bound there) are put together as in Zou & Donner 2008
(doi:10.1002/sim.3095).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.bias.measures.cells import LARGEST_MINUS_SMALLEST, Cell, Contrast, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.group_sums import permuted_means, resampled_means
from attacks.bias.measures.rates import MAXIMUM, rate_cells
from attacks.bias.measures.subjects import Subject, Subjects, floor, percentile_interval
from attacks.bias.probe import Sample
from attacks.bias.written.encode import CONDITIONS, Answers
from attacks.bias.written.question import Question
from attacks.bias.written.shifts import (
    CLUTTER,
    MARGIN_SHIFT,
    PROBE,
    SHIFT,
    OutcomeAnswers,
    paired,
    rate_of,
    shift_cells,
)
from clipprobe.statistics import difference_of_estimates, permutation_p


def written_cells(answers: Answers, question: Question, sample: Sample) -> list[Cell]:
    """Every figure of every outcome in every group column, uncorrected."""
    place = {word: i for i, word in enumerate(question.words)}
    cells: list[Cell] = []
    for column in sample.columns:
        subjects = sample.subjects(PROBE, column)
        inside = subjects.frame.inside
        by_outcome = [
            OutcomeAnswers(
                item=outcome.item,
                hits={
                    condition: outcome.hits(answers.under(condition, place[outcome.word])[inside])
                    for condition in CONDITIONS
                },
                margin=(answers.margin("word", j) - answers.margin("nonsense", j))[inside],
            )
            for j, outcome in enumerate(question.outcomes)
        ]
        cells += _column(subjects, by_outcome)
    return cells


def _column(subjects: Subjects, by_outcome: Sequence[OutcomeAnswers]) -> list[Cell]:
    cells: list[Cell] = []
    items = [one.item for one in by_outcome]
    for one in by_outcome:
        for condition in CONDITIONS:
            hits = one.hits[condition]
            cells += rate_cells(subjects, hits, rate_of(condition), one.item, compare=False)
    for measure in (SHIFT, CLUTTER, MARGIN_SHIFT):
        cells += subjects.hidden(measure, items)
        for one in by_outcome:
            cells += shift_cells(subjects, one, measure)
    if len(subjects.frame.column.levels) < 2:
        return cells
    shifts = [(one, shift) for shift in (SHIFT, MARGIN_SHIFT) for one in by_outcome]
    changes = np.stack([one.change(shift) for one, shift in shifts], axis=1)
    moved = resample(subjects.frame, changes, [f"{shift} {one.item}" for one, shift in shifts])
    for j, (one, shift) in enumerate(shifts):
        cells += difference_cells(subjects, moved.outcome(j), one, shift)
        cells.append(gap_cell(subjects, moved.outcome(j), one, shift))
    return cells


def difference_of(shift: Key) -> Key:
    """The difference between groups in a shift."""
    return _contrast(shift, "difference")


def gap_of(shift: Key) -> Key:
    """The largest less the smallest shift."""
    return _contrast(shift, "gap")


def _contrast(shift: Key, contrast: Contrast) -> Key:
    return Key(shift.quantity, contrast=contrast, text=f"{contrast} of {shift}s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifts:
    """Shifts of the groups: ``value`` ``(g, k)``, ``boot`` and ``null`` ``(draws, g, k)``."""

    value: Floats
    boot: Floats
    null: Floats

    def outcome(self, j: int) -> Shifts:
        """Those of one outcome, without the last axis."""
        return Shifts(
            value=self.value[:, j],
            boot=self.boot[:, :, j],
            null=self.null[:, :, j],
        )


def resample(frame: Frame, change: Floats, names: Sequence[str]) -> Shifts:
    """Shifts ``(n, k)`` by group as seen, under resampled clusters, and under permuted labels.

    Args:
        names: Of the ``k`` outcomes.
    """
    n_groups = len(frame.sizes)
    value = np.stack([change[frame.labels == g].mean(axis=0) for g in range(n_groups)])
    orders = [frame.anonymous(PROBE, name, frame.column.name) for name in names]
    change = np.stack([change[order, j] for j, order in enumerate(orders)], axis=1)
    null = permuted_means(change, frame.permutations, n_groups)
    return Shifts(
        value=value,
        boot=resampled_means(change, frame.labels, frame.weights, n_groups),
        null=null,
    )


def difference_cells(
    subjects: Subjects, shifts: Shifts, one: OutcomeAnswers, shift: Key
) -> list[Cell]:
    """The shift of each group less that of the others."""
    cells = []
    for subject in subjects.compared():
        [g], others, shares = subject.groups, subject.others, subject.shares
        value = float(shifts.value[g] - shifts.value[others] @ shares)
        null = shifts.null[:, g] - shifts.null[:, others] @ shares
        fields: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
        if subject.inferred:
            low, high, how = _interval(subject, shifts, one, shift)
            fields |= {
                "low": low,
                "high": high,
                "p": permutation_p(value, null, "two-sided"),
                "method": f"{how}, {len(null)} permutations",
            }
        cells.append(subject.cell(difference_of(shift), one.item, **fields))
    return cells


def _interval(
    subject: Subject, shifts: Shifts, one: OutcomeAnswers, shift: Key
) -> tuple[float, float, str]:
    """Ends of a difference's interval, and how they came about."""
    [g], others, frame, settings = subject.groups, subject.others, subject.frame, subject.settings
    level = f"{100 * settings.level:g} %"
    left, right = shifts.boot[:, g], shifts.boot[:, others] @ subject.shares
    if np.ptp(left) > 0 and np.ptp(right) > 0:
        low, high = percentile_interval(left - right, settings.level)
        unit = "clusters" if frame.clusters is not None else "images"
        return low, high, f"bootstrap of {unit} within groups ({settings.n_boot} draws, {level})"
    rows = [frame.labels == g, np.isin(frame.labels, others)]
    a, b = (paired(frame, one, shift, side, settings) for side in rows)
    estimate = difference_of_estimates(a, b, n=a.n + b.n)
    return estimate.low, estimate.high, f"from both sides' paired intervals (Zou-Donner, {level})"


def gap_cell(subjects: Subjects, shifts: Shifts, one: OutcomeAnswers, shift: Key) -> Cell:
    """The largest shift less the smallest."""
    whole, settings = subjects.whole(LARGEST_MINUS_SMALLEST), subjects.settings
    value, null = float(np.ptp(shifts.value)), np.ptp(shifts.null, axis=1)
    fields: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
    if whole.inferred:
        away = np.ptp(shifts.boot - shifts.value, axis=1)
        bound = float(np.percentile(away, 100 * settings.level))
        fields["method"] = f"{len(null)} permutations"
        if bound > 0:
            fields |= {
                "low": max(0.0, value - bound),
                "high": value + bound,
                "method": f"bootstrap bound on the largest deviation between groups "
                f"({settings.n_boot} draws, {100 * settings.level:g} %), {len(null)} permutations",
            }
        else:
            fields["reason"] = "no interval: every resample gave the same value"
        if len(subjects.frame.sizes) > 2:  # of two groups the difference is the same test
            fields["p"] = permutation_p(value, null)
    return whole.cell(gap_of(shift), one.item, why=MAXIMUM, **fields)
