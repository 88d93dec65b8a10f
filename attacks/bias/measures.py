"""From scores and groups to cells: the association figures of one group column.

Pure numpy: no model, no images. A probe is a list of texts and a choice of these measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.bias.association import effect_sizes, permuted_effect_sizes, weighted_effect_sizes
from attacks.bias.cells import Cell
from attacks.bias.frame import Frame
from attacks.bias.groups import SHOW_FROM
from attacks.bias.resampling import Floats
from attacks.bias.settings import Settings
from clipprobe.statistics import permutation_p


def association_cells(
    frame: Frame, items: Sequence[str], probe: str, settings: Settings
) -> list[Cell]:
    """``d`` of every item for every group, and their mean over items with its null floor.

    Two groups make one comparison (the later value against the earlier); more are each compared
    with the rest.
    """
    column = frame.column
    cells = hidden(frame, items, probe, "association d")
    if len(column.levels) < 2:
        return cells
    pairs = _comparisons(len(column.levels))
    seen, boots, nulls = [], [], []
    for group, others in pairs:
        inside = frame.labels == group
        value = effect_sizes(frame.scores, inside)
        boot = np.concatenate(
            [
                weighted_effect_sizes(frame.scores, inside, w.astype(np.float64))
                for w in frame.weights
            ]
        )
        null = permuted_effect_sizes(frame.scores, frame.permutations, group)
        seen.append(value)
        boots.append(boot)
        nulls.append(null)
        status, reason = frame.judge([group], others)
        common: dict[str, Any] = {
            "probe": probe,
            "measure": "association d",
            "column": column.name,
            "group": column.levels[group],
            "reference": column.levels[0] if len(column.levels) == 2 else "rest",
            "n": frame.sizes[group],
            "n_reference": sum(frame.sizes[i] for i in others),
            "status": status,
        }
        for j, item in enumerate(items):
            interval = percentile_interval(boot[:, j], settings.level)
            given = judged(value[j], interval, null[:, j], status, settings, two_sided=True)
            why = "all images have the same cosine" if math.isnan(value[j]) else reason
            cells.append(Cell(item=item, reason=why, **common, **given))
    return cells + _mean_cells(frame, probe, settings, seen, boots, nulls)


def _mean_cells(
    frame: Frame,
    probe: str,
    settings: Settings,
    seen: list[Floats],
    boots: list[Floats],
    nulls: list[Floats],
) -> list[Cell]:
    """The mean over items: how strong associations are, and how much lean all items share."""
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
    two_sided: bool = False,
    test: bool = True,
) -> dict[str, Any]:
    """Value, interval, null floor and p, as far as the cell's status allows them."""
    if math.isnan(value):
        return {"method": "none"}
    given: dict[str, Any] = {"value": float(value), **floor(value, null), "method": "value only"}
    if status != "inferred":
        return given
    given |= {"low": interval[0], "high": interval[1]}
    given["method"] = (
        f"{how} ({settings.n_boot} draws, {100 * settings.level:g} %), {len(null)} permutations"
    )
    if test:
        given["p"] = permutation_p(value, null, "two-sided" if two_sided else "greater")
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


def _comparisons(n_levels: int) -> list[tuple[int, list[int]]]:
    if n_levels == 2:
        return [(1, [0])]
    return [(g, [other for other in range(n_levels) if other != g]) for g in range(n_levels)]


def hidden(frame: Frame, items: Sequence[str], probe: str, measure: str) -> list[Cell]:
    """Cells of groups that are too small to show: named and counted, without a number."""
    return [
        Cell(
            probe=probe,
            measure=measure,
            item=item,
            column=frame.column.name,
            group=level,
            reference="",
            n=n,
            n_reference=0,
            status="insufficient",
            method="none",
            reason=f"insufficient (n={n}): below {SHOW_FROM} nothing is shown",
        )
        for level, n in frame.column.too_small.items()
        for item in items
    ]
