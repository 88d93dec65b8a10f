"""From scores and groups to cells: the retrieval figures of one group column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias import retrieval
from attacks.bias.cells import Cell
from attacks.bias.frame import Frame
from attacks.bias.measures import floor, hidden, judged, percentile_interval
from attacks.bias.ndkl_floor import NdklFloors
from attacks.bias.resampling import Floats
from attacks.bias.settings import Settings
from attacks.bias.top_k import top_k


def retrieval_cells(
    frame: Frame, items: Sequence[str], probe: str, settings: Settings
) -> list[Cell]:
    """Skew of every group, MaxSkew, MinSkew and NDKL of every item, for both targets."""
    column = frame.column
    cells = hidden(frame, items, probe, "skew@k")
    if len(column.levels) < 2:
        return cells
    n_groups = len(column.levels)
    sizes = np.array(frame.sizes, dtype=np.float64)
    top, floors = top_k(frame, settings), NdklFloors(frame)
    for j, item in enumerate(items):
        ranked = retrieval.ranked_membership(frame.scores[:, j], frame.labels, n_groups)
        random = floors(j)
        for target in retrieval.TARGETS:
            shares = retrieval.target_shares(sizes, target)
            null_shares = retrieval.target_shares(top.null_sizes, target)
            common: dict[str, Any] = {
                "probe": probe,
                "item": item,
                "column": column.name,
                "reference": f"{target} target",
            }
            cells += _skew_cells(
                frame,
                retrieval.skews(top.counts[j], shares),
                retrieval.skews(top.boot[:, j], shares),
                retrieval.skews(top.null[:, j], null_shares),
                pairs=None if top.paired is None else retrieval.skews(top.paired[:, j], shares),
                floored=top.counts[j] < 1,
                # Both targets ask one question of the same counts: it is tested once.
                test=target == "dataset",
                common={**common, "k": top.k},
                settings=settings,
            )
            value = float(retrieval.ndkl(ranked, shares))
            cells.append(_ndkl_cell(frame, value, random[target], common))
    return cells


def _skew_cells(
    frame: Frame,
    skew: Floats,
    boot: Floats,
    null: Floats,
    *,
    pairs: Floats | None,
    floored: NDArray[np.bool_],
    test: bool,
    common: dict[str, Any],
    settings: Settings,
) -> list[Cell]:
    """Skew of each group ``(n_groups,)``, then the largest and the smallest, for one target."""
    cells, n = [], len(frame.labels)
    for g, level in enumerate(frame.column.levels):
        status, reason = frame.judge([g])
        if floored[g]:
            reason = reason or "fewer than one image in the top k: counted as one"
        interval = percentile_interval(boot[:, g], settings.level)
        given = judged(skew[g], interval, null[:, g], status, settings, test=False)
        own: dict[str, Any] = {"group": level, "n": frame.sizes[g], "n_reference": n}
        if pairs is not None and status == "inferred":
            own["draws"] = pairs[:, g]
        cells.append(Cell(measure="skew@k", status=status, reason=reason, **own, **common, **given))
    status, reason = frame.judge_all()
    whole: dict[str, Any] = {"group": "", "n": n, "n_reference": 0, "status": status}
    # The largest of resampled skews is too large on average. Intervals that hold for all groups
    # at once (Bonferroni) bound the largest and the smallest without that bias.
    together = 1 - (1 - settings.level) / len(skew)
    ends = np.array([percentile_interval(draws, together) for draws in boot.T])
    for measure, best in (("max skew@k", np.max), ("min skew@k", np.min)):
        low, high = float(best(ends[:, 0])), float(best(ends[:, 1]))
        # Some group always has at least its target share, and some at most.
        given = judged(
            float(best(skew)),
            (max(low, 0.0), high) if best is np.max else (low, min(high, 0.0)),
            best(null, axis=1),
            status,
            settings,
            how="simultaneous bootstrap intervals of the groups",
            permuted=frame.permuted,
            test=test and measure == "max skew@k",
        )
        cells.append(Cell(measure=measure, reason=reason, **whole, **common, **given))
    return cells


def _ndkl_cell(frame: Frame, value: float, null: Floats, common: dict[str, Any]) -> Cell:
    status, reason = frame.judge_all()
    bounds: dict[str, Any] = floor(value, null)
    return Cell(
        measure="ndkl",
        group="",
        n=len(frame.labels),
        n_reference=0,
        value=value,
        status=status,
        method=f"null floor from {len(null)} permutations",
        reason=reason or "no interval: resampling inflates it; compare it with its null floor",
        **common,
        **bounds,
    )
