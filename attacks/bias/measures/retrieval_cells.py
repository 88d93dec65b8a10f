"""From scores and groups to cells: the retrieval figures of one group column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from attacks.bias.measures import retrieval
from attacks.bias.measures.association_cells import floor, hidden, judged
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.ndkl_floor import NdklFloors
from attacks.bias.measures.places import wilson_shares
from attacks.bias.measures.top_k import TopK, top_k


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
            common: dict[str, Any] = {
                "probe": probe,
                "item": item,
                "column": column.name,
                "reference": f"{target} target",
            }
            skewed = _Skews(top, j, shares, retrieval.target_shares(top.null_sizes, target))
            cells += _skew_cells(
                frame,
                skewed,
                # Both targets ask one question of the same counts: it is tested once.
                test=target == "dataset",
                common={**common, "k": top.k},
                settings=settings,
            )
            value = float(retrieval.ndkl(ranked, shares))
            cells.append(_ndkl_cell(frame, value, random[target], common))
    return cells


class _Skews:
    """Skews of one text for one target, ``(n_groups,)``, with their intervals and null."""

    def __init__(self, top: TopK, item: int, shares: Floats, null_shares: Floats) -> None:
        self.top, self.item, self.shares = top, item, shares
        self.value = retrieval.skews(top.counts[item], shares)
        self.null = retrieval.skews(top.null[:, item], null_shares)
        self.judgeable = retrieval.judgeable(shares, top.k)

    def ends(self, level: float, *, together: bool) -> list[Floats]:
        """The lower and the upper ends of all groups."""
        top = self.top
        found = wilson_shares(
            top.counts[self.item], top.effective[self.item], level, together=together
        )
        return [retrieval.skews_of(end, self.shares, top.k) for end in found]

    def reason(self, group: int) -> str:
        """Why a group's skew is undefined or can mislead; empty where neither."""
        if not self.judgeable[group]:
            return (
                f"its target is {self.top.k * self.shares[group]:.2f} of {self.top.k} places: "
                f"below one image absence cannot be told, so k must be "
                f"{math.ceil(1 / self.shares[group] - 1e-9)} or more"
            )
        if self.top.counts[self.item, group] < 1:
            return "fewer than one image in the top k: counted as one"
        return ""


def _skew_cells(
    frame: Frame, skews: _Skews, *, test: bool, common: dict[str, Any], settings: Settings
) -> list[Cell]:
    """Skew of each group, then the largest and the smallest, for one target."""
    cells, n, levels = [], len(frame.labels), frame.column.levels
    how: dict[str, Any] = {"resampled": False, "permuted": frame.permuted}
    low, high = skews.ends(settings.level, together=False)
    for g, level in enumerate(levels):
        status, reason = frame.judge([g])
        given = judged(
            skews.value[g] if skews.judgeable[g] else math.nan,
            (low[g], high[g]),
            skews.null[:, g],
            status,
            settings,
            how=skews.top.how(skews.item),
            test=False,
            **how,
        )
        why = skews.reason(g)
        why = (reason or why) if skews.judgeable[g] else why
        own: dict[str, Any] = {"group": level, "n": frame.sizes[g], "n_reference": n}
        cells.append(Cell(measure="skew@k", status=status, reason=why, **own, **common, **given))
    status, reason = frame.judge_all()
    whole: dict[str, Any] = {"group": "", "n": n, "n_reference": 0, "status": status}
    over = np.flatnonzero(skews.judgeable)
    left_out = [level for g, level in enumerate(levels) if g not in over]
    if left_out:
        named = left_out[0] if len(left_out) == 1 else f"{len(left_out)} groups"
        without = f"without {named}, as its target is under one of the {skews.top.k} places"
        reason = without if len(left_out) == 1 else without.replace("its target is", "theirs are")
        if len(over) < 2:
            reason = f"undefined {reason}: fewer than two groups are left, so a larger k is needed"
    # The largest of resampled skews would be too large on average. Intervals that hold for all
    # groups at once bound the largest and the smallest without that bias.
    ends = [end[over] for end in skews.ends(settings.level, together=True)]
    for measure, best in (("max skew@k", np.max), ("min skew@k", np.min)):
        if len(over) < 2:
            cells.append(Cell(measure=measure, method="none", reason=reason, **whole, **common))
            continue
        interval = [float(best(end)) for end in ends]
        if not left_out:  # some group always has at least its target share, and some at most
            side = 0 if best is np.max else 1
            interval[side] = best([interval[side], 0.0])
        given = judged(
            float(best(skews.value[over])),
            (interval[0], interval[1]),
            best(skews.null[:, over], axis=1),
            status,
            settings,
            how=f"{skews.top.how(skews.item)}, for all groups at once",
            test=test and measure == "max skew@k",
            **how,
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
