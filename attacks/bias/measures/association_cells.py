"""From scores and groups to cells: the association figures of one group column.

Pure numpy: no model, no images. A probe is a list of texts and a choice of these measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attacks.bias.measures.association import (
    effect_sizes,
    permuted_effect_sizes,
    resampled_effect_sizes,
)
from attacks.bias.measures.cells import ASSOCIATION, RELATIVE, Cell, hidden_cells
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from clipprobe.statistics import permutation_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """``d`` of all items for one comparison.

    ``group``, ``others``: the level and those it is compared with. ``value``: as seen, ``(m,)``;
    ``boot``, ``null``: resampled and permuted, ``(b, m)``; ``pairs``: :attr:`Frame.pairing`'s.
    """

    group: int
    others: list[int]
    value: Floats
    boot: Floats
    null: Floats
    pairs: Floats | None

    def items(self, part: slice) -> Drawn:
        """Some of the items."""
        return replace(
            self,
            value=self.value[part],
            boot=self.boot[:, part],
            null=self.null[:, part],
            pairs=None if self.pairs is None else self.pairs[:, part],
        )


def association_cells(
    frame: Frame, items: Sequence[str], probe: str, settings: Settings
) -> list[Cell]:
    """``d`` and relative ``d`` of every item for every group, and the mean over items.

    Two groups make one comparison (the later value against the earlier); more are each compared
    with the rest. A relative ``d`` needs at least three items, else they mirror each other.
    """
    cells = hidden(frame, items, probe, ASSOCIATION)
    if len(frame.column.levels) < 2:
        return cells
    tables = {ASSOCIATION: frame.scores}
    if len(items) >= 3:
        tables[RELATIVE] = frame.scores - frame.scores.mean(axis=1, keepdims=True)
    drawn = draw_associations(frame, np.hstack(list(tables.values())))  # one pass for both
    for start, measure in zip(range(0, 2 * len(items), len(items)), tables, strict=False):
        part = [one.items(slice(start, start + len(items))) for one in drawn]
        cells += item_cells(frame, items, probe, settings, measure, part)
    plain = [one.items(slice(len(items))) for one in drawn]
    return cells + _mean_cells(frame, probe, settings, plain)


def draw_associations(frame: Frame, scores: Floats) -> list[Drawn]:
    """``d`` of every column of scores ``(n, m)`` for every comparison, with all its draws."""
    n_groups = len(frame.column.levels)
    compared = comparisons(n_groups)
    groups = [group for group, _ in compared]
    boots = resampled_effect_sizes(scores, frame.labels, n_groups, groups, frame.weights)
    nulls = permuted_effect_sizes(scores, frame.permutations, n_groups, groups)
    pairs = None
    if frame.pairing is not None:
        pairs = resampled_effect_sizes(scores, frame.labels, n_groups, groups, frame.pairing)
    return [
        Drawn(
            group=group,
            others=others,
            value=effect_sizes(scores, frame.labels == group),
            boot=boots[i],
            null=nulls[i],
            pairs=None if pairs is None else pairs[i],
        )
        for i, (group, others) in enumerate(compared)
    ]


def item_cells(
    frame: Frame,
    items: Sequence[str],
    probe: str,
    settings: Settings,
    measure: str,
    drawn: Sequence[Drawn],
) -> list[Cell]:
    """``d`` of every item for every comparison: one column of ``drawn`` an item."""
    cells = []
    levels = frame.column.levels
    for one in drawn:
        status, reason = frame.judge([one.group], one.others)
        common: dict[str, Any] = {
            "probe": probe,
            "measure": measure,
            "column": frame.column.name,
            "group": levels[one.group],
            "reference": levels[0] if len(levels) == 2 else "rest",
            "n": frame.sizes[one.group],
            "n_reference": sum(frame.sizes[i] for i in one.others),
            "status": status,
        }
        for j, item in enumerate(items):
            interval = percentile_interval(one.boot[:, j], settings.level)
            given = judged(
                one.value[j], interval, one.null[:, j], status, settings,
                two_sided=True, permuted=frame.permuted,
            )  # fmt: skip
            why = "all images have the same cosine" if math.isnan(one.value[j]) else reason
            draws = None if one.pairs is None or status != "inferred" else one.pairs[:, j]
            cells.append(Cell(item=item, reason=why, draws=draws, **common, **given))
    return cells


def _mean_cells(frame: Frame, probe: str, settings: Settings, drawn: Sequence[Drawn]) -> list[Cell]:
    """The mean over items: how strong associations are, and how much lean all items share."""
    seen = [one.value for one in drawn]
    boots, nulls = [one.boot for one in drawn], [one.null for one in drawn]
    levels = frame.column.levels
    status, reason = frame.judge_all()
    if not np.isfinite(np.concatenate(seen)).all():
        reason = "undefined, because all images have the same cosine with some word"
    common: dict[str, Any] = {
        "probe": probe,
        "item": "",
        "column": frame.column.name,
        "n": len(frame.labels),
        "n_reference": 0,
        "status": status,
    }
    mean = float(np.mean(np.abs(seen)))
    # Resampling inflates absolute values, so their own percentiles would miss the truth. But two
    # means of |d| never differ by more than the mean of |difference|: that bound is resampled.
    away = np.mean([np.abs(b - v).mean(axis=1) for b, v in zip(boots, seen, strict=True)], axis=0)
    bound = (
        float(np.percentile(away, 100 * settings.level)) if np.isfinite(away).all() else math.nan
    )
    strength = judged(
        mean,
        (max(0.0, mean - bound), mean + bound),
        np.mean([np.abs(x).mean(axis=1) for x in nulls], axis=0),
        status,
        settings,
        how="bootstrap bound on the mean deviation",
        permuted=frame.permuted,
    )
    cells = [
        Cell(
            measure="mean |d|",
            group="",
            reference="no association",
            reason=reason or "an average of absolute values is above 0 by chance: see the excess",
            **common,
            **strength,
        )
    ]
    if len(levels) == 2:
        lean = judged(
            float(seen[0].mean()),
            percentile_interval(boots[0].mean(axis=1), settings.level),
            nulls[0].mean(axis=1),
            status,
            settings,
            two_sided=True,
            permuted=frame.permuted,
        )
        cells.append(
            Cell(
                measure="mean signed d",
                group=levels[1],
                reference=levels[0],
                reason=reason,
                **common,
                **lean,
            )
        )
    return cells


def judged(
    value: float,
    interval: tuple[float, float],
    null: Floats,
    status: str,
    settings: Settings,
    *,
    how: str = "bootstrap within groups",
    resampled: bool = True,
    two_sided: bool = False,
    test: bool = True,
    permuted: str = "permutations",
) -> dict[str, Any]:
    """Value, interval, null floor and p, as far as the cell's status allows them.

    A two-sided p is about the distance from the mean of the permutations, which is not 0 where
    labels are permuted within strata that differ. ``resampled``: whether the interval is made of
    ``n_boot`` draws.
    """
    if math.isnan(value):
        return {"method": "none"}
    given: dict[str, Any] = {"value": float(value), **floor(value, null), "method": "value only"}
    if status != "inferred":
        return given
    given |= {"low": interval[0], "high": interval[1]}
    draws = f"{settings.n_boot} draws, " if resampled else ""
    given["method"] = f"{how} ({draws}{100 * settings.level:g} %), {len(null)} {permuted}"
    if test:
        centre = null.mean() if two_sided and "strata" in permuted else 0.0
        given["p"] = permutation_p(
            value - centre, null - centre, "two-sided" if two_sided else "greater"
        )
    return given


def percentile_interval(draws: Floats, level: float) -> tuple[float, float]:
    """The middle ``level`` of bootstrap draws ``(b,)``; NaN where some draw is undefined."""
    if not np.isfinite(draws).all():
        return math.nan, math.nan
    tail = 50 * (1 - level)
    low, high = np.percentile(draws, [tail, 100 - tail])
    return float(low), float(high)


def floor(value: float, null: Floats) -> dict[str, float]:
    """The null floor (mean, 5th and 95th percentile) and the value's excess over its mean."""
    low, high = np.percentile(null, [5, 95])
    mean = float(null.mean())
    return {
        "null_mean": mean,
        "null_low": float(low),
        "null_high": float(high),
        "excess": float(value) - mean,
    }


def comparisons(n_levels: int) -> list[tuple[int, list[int]]]:
    """Each group and those it is compared with; of two groups only the later one."""
    if n_levels == 2:
        return [(1, [0])]
    return [(g, [other for other in range(n_levels) if other != g]) for g in range(n_levels)]


def hidden(frame: Frame, items: Sequence[str], probe: str, measure: str) -> list[Cell]:
    """Cells of groups that are too small to show: named, without a number."""
    return hidden_cells(frame.column, items, probe=probe, measure=measure)
