"""Whether a difference belongs to a group or to the label set.

A design *shows* a difference of a group from the others where its q, corrected over all designs
and groups of the column (Benjamini-Hochberg), is at most alpha. The strongest of these is the
finding. Another design *contradicts* it where it does not show the same direction and its interval
leaves out even half of the finding: it is not just less sure, it sees something smaller. A finding
that some design contradicts is label-set dependent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.bias.cells import Cell
from clipprobe.statistics import benjamini_hochberg

NOTHING = "nothing stands out in any design"
STABLE = "stands out, and no design contradicts it"
DEPENDENT = "label-set dependent"
NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``kind``: one of the constants here; ``words``: the sentence; ``shown``: share of designs
    that show a difference in the finding's direction; ``sets``: label sets that contradict."""

    kind: str
    words: str
    shown: float
    sets: tuple[str, ...] = ()


def judge(
    differences: Sequence[Sequence[Cell]], names: Sequence[str], alpha: float
) -> list[Verdict]:
    """One verdict a comparison.

    Args:
        differences: ``[comparison][design]``, the cells of one difference under each design.
        names: The label set of each design.
    """
    p = np.array([[cell.p for cell in cells] for cells in differences])
    q = benjamini_hochberg(p.ravel()).reshape(p.shape)
    return [
        _verdict(cells, names, row <= alpha, bool(np.isnan(row).all()))
        for cells, row in zip(differences, q, strict=True)
    ]


def _verdict(
    cells: Sequence[Cell], names: Sequence[str], shows: np.ndarray, untested: bool
) -> Verdict:
    n = len(cells)
    if untested:
        return Verdict(kind=NOT_TESTED, words=NOT_TESTED, shown=float("nan"))
    if not shows.any():
        return Verdict(kind=NOTHING, words=f"{NOTHING} of {n}", shown=0.0)
    strongest = max((i for i in range(n) if shows[i]), key=lambda i: abs(cells[i].value))
    finding = cells[strongest].value
    sign = 1.0 if finding > 0 else -1.0
    same = [bool(shows[i]) and cells[i].value * sign > 0 for i in range(n)]
    reverse = [bool(shows[i]) and cells[i].value * sign < 0 for i in range(n)]
    against = [
        i
        for i in range(n)
        if not same[i] and max(sign * cells[i].low, sign * cells[i].high) < abs(finding) / 2
    ]
    share = float(np.mean(same))
    counted = f"{sum(same)} of {n} designs show it, at most {100 * abs(finding):.1f} points"
    if not against:
        return Verdict(kind=STABLE, words=f"{STABLE}: {counted}", shown=share)
    sets = tuple(dict.fromkeys(names[i] for i in against))
    turned = f"; {sum(reverse)} show the opposite" if any(reverse) else ""
    return Verdict(
        kind=DEPENDENT,
        words=f"{DEPENDENT}: {counted}{turned}; {len(against)} contradict it ({', '.join(sets)})",
        shown=share,
        sets=sets,
    )
