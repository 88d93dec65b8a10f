"""How groups differ in a shift: differences with interval and p, and the gap beside its null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.bias.measures.cells import LARGEST_MINUS_SMALLEST, Cell, Contrast, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.group_sums import permuted_means, resampled_means
from attacks.bias.measures.rates import MAXIMUM
from attacks.bias.measures.subjects import Subject, Subjects, floor, percentile_interval
from attacks.bias.written.shifts import PROBE, OutcomeAnswers, paired
from clipprobe.statistics import difference_of_estimates, permutation_p


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
