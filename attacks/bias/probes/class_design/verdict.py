"""Whether a difference belongs to a group or to the label set.

A design *shows* a difference of a group from the others where its q is at most alpha. That is the
report's q, corrected over all of its tests, so a verdict claims nothing that is not flagged. The
strongest of these is the finding. Another design *contradicts* it where it does not show the same
direction and its interval leaves out even half of the finding: it is not just less sure, it sees
something smaller. A finding that some design contradicts is label-set dependent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.evaluation import Answer
from attacks.bias.measures.inference import Settings
from attacks.bias.probes.class_design.answer import HARM_RATE, NAME

DEPENDENCE = Key("share of designs that show the difference")

NOTHING = "nothing stands out in any design"
STABLE = "stands out, and no design contradicts it"
DEPENDENT = "label-set dependent"
NOT_TESTED = "not tested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``kind``: one of the constants here; ``words``: the sentence; ``share``: share of designs
    that show a difference in the finding's direction."""

    kind: str
    words: str
    share: float


def conclude(answer: Answer, settings: Settings) -> Answer:
    """The answer, its tests corrected, with a verdict on every difference: a cell and a fact each.

    The cells stand after the others of their column.
    """
    sets = {f"{d['label_set']} | {d['template']}": d["label_set"] for d in answer.facts["designs"]}
    verdicts = {column: dict(facts) for column, facts in answer.facts["verdicts"].items()}
    cells: list[Cell] = []
    for column in dict.fromkeys(cell.column for cell in answer.cells):
        own = [cell for cell in answer.cells if cell.column == column]
        compared: dict[str, list[Cell]] = {}
        for cell in own:
            if cell.key == HARM_RATE.against("difference"):
                compared.setdefault(cell.group, []).append(cell)
        cells += own
        for group, differences in compared.items():
            verdict = judge(differences, [sets[cell.item] for cell in differences], settings.alpha)
            verdicts[column][group] = verdict.kind
            cells.append(_dependence(verdict, differences[0]))
    return replace(answer, cells=tuple(cells), facts={**answer.facts, "verdicts": verdicts})


def judge(cells: Sequence[Cell], names: Sequence[str], alpha: float) -> Verdict:
    """The verdict on one difference.

    Args:
        cells: It under each design, with q. names: The label set of each design.
    """
    n = len(cells)
    if all(np.isnan(cell.p) for cell in cells):
        return Verdict(kind=NOT_TESTED, words=NOT_TESTED, share=float("nan"))
    shows = [bool(cell.q <= alpha) for cell in cells]
    if not any(shows):
        return Verdict(kind=NOTHING, words=f"{NOTHING} of {n}", share=0.0)
    strongest = max((i for i in range(n) if shows[i]), key=lambda i: abs(cells[i].value))
    finding = cells[strongest].value
    sign = 1.0 if finding > 0 else -1.0
    same = [shows[i] and cells[i].value * sign > 0 for i in range(n)]
    reverse = [shows[i] and cells[i].value * sign < 0 for i in range(n)]
    against = [
        i
        for i in range(n)
        if not same[i] and max(sign * cells[i].low, sign * cells[i].high) < abs(finding) / 2
    ]
    share = float(np.mean(same))
    counted = f"{sum(same)} of {n} designs show it, at most {100 * abs(finding):.1f} points"
    if not against:
        return Verdict(kind=STABLE, words=f"{STABLE}: {counted}", share=share)
    sets = ", ".join(dict.fromkeys(names[i] for i in against))
    turned = f"; {sum(reverse)} show the opposite" if any(reverse) else ""
    return Verdict(
        kind=DEPENDENT,
        words=f"{DEPENDENT}: {counted}{turned}; {len(against)} contradict it ({sets})",
        share=share,
    )


def _dependence(verdict: Verdict, like: Cell) -> Cell:
    return Cell(
        probe=NAME, key=DEPENDENCE, item="", column=like.column, group=like.group,
        reference=like.reference, n=like.n, n_reference=like.n_reference, value=verdict.share,
        status=like.status, method="by q, corrected over the whole report",
        reason=verdict.words,
    )  # fmt: skip
