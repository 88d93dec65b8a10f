"""How groups differ in a shift: differences with interval and p, and the gap beside its null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.bias.measures.association_cells import floor, percentile_interval
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from attacks.bias.written.shifts import (
    PROBE,
    Seen,
    group_means,
    paired,
    weighted_means,
)
from clipprobe.statistics import difference_of_estimates, permutation_p


def difference_of(shift: str) -> str:
    """The measure's name of the difference between groups in a shift."""
    return f"difference of {shift}s"


def gap_of(shift: str) -> str:
    """The measure's name of the largest less the smallest shift."""
    return f"gap of {shift}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Shifts of the groups: ``value`` ``(g, k)``, ``boot`` and ``null`` ``(draws, g, k)``."""

    value: Floats
    boot: Floats
    null: Floats

    def outcome(self, j: int) -> Moved:
        """Those of one outcome, without the last axis."""
        return Moved(
            value=self.value[:, j],
            boot=self.boot[:, :, j],
            null=self.null[:, :, j],
        )


def resample(frame: Frame, change: Floats, names: Sequence[str]) -> Moved:
    """Shifts ``(n, k)`` by group as seen, under resampled clusters, and under permuted labels.

    Args:
        names: Of the ``k`` outcomes.
    """
    levels = range(len(frame.sizes))
    value = np.stack([change[frame.labels == g].mean(axis=0) for g in levels])
    orders = [frame.anonymous(PROBE, name, frame.column.name) for name in names]
    change = np.stack([change[order, j] for j, order in enumerate(orders)], axis=1)
    null = []
    for labels in frame.permutations:
        means = [weighted_means((labels == g).astype(np.float64), change) for g in levels]
        null.append(np.stack(means, axis=1))
    return Moved(
        value=value,
        boot=group_means(frame, frame.weights, change),
        null=np.concatenate(null),
    )


def difference_cells(
    frame: Frame, moved: Moved, one: Seen, shift: str, settings: Settings
) -> list[Cell]:
    levels = frame.column.levels
    sides = [(1, [0])] if len(levels) == 2 else [
        (g, [h for h in range(len(levels)) if h != g]) for g in range(len(levels))
    ]  # fmt: skip
    cells = []
    for g, others in sides:
        sizes = np.array([frame.sizes[h] for h in others], dtype=np.float64)
        shares = sizes / sizes.sum()
        value = float(moved.value[g] - moved.value[others] @ shares)
        null = moved.null[:, g] - moved.null[:, others] @ shares
        status, reason = frame.judge([g], others)
        given: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
        if status == "inferred":
            low, high, how = _interval(frame, moved, one, shift, (g, others, shares), settings)
            given |= {
                "low": low,
                "high": high,
                "p": permutation_p(value, null, "two-sided"),
                "method": f"{how}, {len(null)} permutations",
            }
        cells.append(
            Cell(
                probe=PROBE, measure=difference_of(shift), item=one.item,
                column=frame.column.name, group=levels[g],
                reference=levels[0] if len(levels) == 2 else "rest", n=frame.sizes[g],
                n_reference=int(sizes.sum()), status=status, reason=reason, **given,
            )
        )  # fmt: skip
    return cells


def _interval(
    frame: Frame,
    moved: Moved,
    one: Seen,
    shift: str,
    sides: tuple[int, list[int], Floats],
    settings: Settings,
) -> tuple[float, float, str]:
    """Ends of a difference's interval, and how they were found."""
    g, others, shares = sides
    level = f"{100 * settings.level:g} %"
    left, right = moved.boot[:, g], moved.boot[:, others] @ shares
    if np.ptp(left) > 0 and np.ptp(right) > 0:
        low, high = percentile_interval(left - right, settings.level)
        unit = "clusters" if frame.clusters is not None else "images"
        return low, high, f"bootstrap of {unit} within groups ({settings.n_boot} draws, {level})"
    rows = [frame.labels == g, np.isin(frame.labels, others)]
    a, b = (paired(frame, one, shift, side, settings) for side in rows)
    found = difference_of_estimates(a, b, n=a.n + b.n)
    return found.low, found.high, f"from both sides' paired intervals (Zou-Donner, {level})"


def gap_cell(frame: Frame, moved: Moved, one: Seen, shift: str, settings: Settings) -> Cell:
    value, null = float(np.ptp(moved.value)), np.ptp(moved.null, axis=1)
    status, reason = frame.judge_all()
    given: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
    if status == "inferred":
        away = np.ptp(moved.boot - moved.value, axis=1)
        bound = float(np.percentile(away, 100 * settings.level))
        given["method"] = f"{len(null)} permutations"
        if bound > 0:
            given |= {
                "low": max(0.0, value - bound),
                "high": value + bound,
                "method": f"bootstrap bound on the largest deviation between groups "
                f"({settings.n_boot} draws, {100 * settings.level:g} %), {len(null)} permutations",
            }
        else:
            reason = "no interval: every resample gave the same value"
        if len(frame.sizes) > 2:  # of two groups the difference is the same test
            given["p"] = permutation_p(value, null)
    return Cell(
        probe=PROBE, measure=gap_of(shift), item=one.item, column=frame.column.name,
        group="", reference="largest minus smallest", n=len(frame.labels), n_reference=0,
        status=status, reason=reason or "a maximum is above 0 by chance: see the excess", **given,
    )  # fmt: skip
