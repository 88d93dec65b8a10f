"""From scores and groups to cells: the retrieval figures of one group column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from attacks.bias.measures import retrieval
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.ndkl_floor import NdklFloors
from attacks.bias.measures.places import wilson_shares
from attacks.bias.measures.subjects import Subjects, floor

SKEW = Key("skew@k")
MAX_SKEW = Key("skew@k", contrast="largest", text="max skew@k")
MIN_SKEW = Key("skew@k", contrast="smallest", text="min skew@k")
NDKL = Key("ndkl")


def retrieval_cells(subjects: Subjects, items: Sequence[str]) -> list[Cell]:
    """Skew of every group, MaxSkew, MinSkew and NDKL of every item, for both targets."""
    frame, cells = subjects.frame, subjects.hidden(SKEW, items)
    n_groups = len(frame.column.levels)
    if n_groups < 2:
        return cells
    sizes = np.array(frame.sizes, dtype=np.float64)
    top, floors = retrieval.top_k(frame, subjects.settings), NdklFloors(frame)
    for j, item in enumerate(items):
        ranked = retrieval.ranked_membership(frame.scores[:, j], frame.labels, n_groups)
        random = floors(j)
        for target in retrieval.TARGETS:
            shares = retrieval.target_shares(sizes, target)
            skews = _Skews(top, j, shares, retrieval.target_shares(top.null_sizes, target))
            reference = f"{target} target"
            # Both targets ask one question of the same counts: it is tested once.
            test = target == "dataset"
            cells += _skew_cells(subjects, skews, item, reference, test=test)
            value, null = float(retrieval.ndkl(ranked, shares)), random[target]
            cells.append(
                subjects.whole(reference).cell(
                    NDKL,
                    item,
                    value=value,
                    method=f"null floor from {len(null)} permutations",
                    why="no interval: resampling inflates it; compare it with its null floor",
                    **floor(value, null),
                )
            )
    return cells


class _Skews:
    """Skews of one text for one target, ``(n_groups,)``, with their intervals and null."""

    def __init__(self, top: retrieval.TopK, item: int, shares: Floats, null_shares: Floats) -> None:
        self.top, self.item, self.shares = top, item, shares
        self.value = retrieval.skews(top.counts[item], shares)
        self.null = retrieval.skews(top.null[:, item], null_shares)
        self.judgeable = retrieval.judgeable(shares, top.k)

    def ends(self, level: float, *, together: bool) -> list[Floats]:
        """The lower and the upper ends of all groups."""
        top = self.top
        ends_of = wilson_shares(
            top.counts[self.item], top.effective[self.item], level, together=together
        )
        return [retrieval.skews_of(end, self.shares, top.k) for end in ends_of]

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
    subjects: Subjects, skews: _Skews, item: str, reference: str, *, test: bool
) -> list[Cell]:
    """Skew of each group, then the largest and the smallest, for one target."""
    cells, n, level = [], len(subjects.frame.labels), subjects.settings.level
    k, how = skews.top.k, skews.top.how(skews.item)
    low, high = skews.ends(level, together=False)
    for g, one in enumerate(subjects.each(reference)):
        fields = one.judged(
            skews.value[g] if skews.judgeable[g] else math.nan,
            (low[g], high[g]),
            skews.null[:, g],
            how=how,
            resampled=False,
            test=False,
        )
        why = skews.reason(g)
        if not skews.judgeable[g]:
            fields["reason"] = why
        cells.append(one.cell(SKEW, item, why=why, k=k, n_reference=n, **fields))
    whole, levels = subjects.whole(reference), subjects.frame.column.levels
    over = np.flatnonzero(skews.judgeable)
    left_out = [level for g, level in enumerate(levels) if g not in over]
    if left_out:
        names = left_out[0] if len(left_out) == 1 else f"{len(left_out)} groups"
        without = f"without {names}, as its target is under one of the {k} places"
        reason = without if len(left_out) == 1 else without.replace("its target is", "theirs are")
        if len(over) < 2:
            reason = f"undefined {reason}: fewer than two groups are left, so a larger k is needed"
        whole = replace(whole, reason=reason)
    # The largest of resampled skews would be too large on average. Intervals that hold for all
    # groups at once bound the largest and the smallest without that bias.
    ends = [end[over] for end in skews.ends(level, together=True)]
    for key, best in ((MAX_SKEW, np.max), (MIN_SKEW, np.min)):
        if len(over) < 2:
            cells.append(whole.cell(key, item, k=k, method="none"))
            continue
        interval = [float(best(end)) for end in ends]
        if not left_out:  # some group always has at least its target share, and some at most
            side = 0 if best is np.max else 1
            interval[side] = best([interval[side], 0.0])
        fields = whole.judged(
            float(best(skews.value[over])),
            (interval[0], interval[1]),
            best(skews.null[:, over], axis=1),
            how=f"{how}, for all groups at once",
            resampled=False,
            test=test and key == MAX_SKEW,
        )
        cells.append(whole.cell(key, item, k=k, **fields))
    return cells
