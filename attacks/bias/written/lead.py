"""The opening of an audit of written words by group: whom does reading move more."""

from __future__ import annotations

import math
from typing import Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import strongest
from attacks.bias.written.measures import difference_of
from attacks.bias.written.question import Question
from attacks.bias.written.shifts import PROBE, SHIFT
from clipprobe.report import Intervals, Lead
from clipprobe.report.opening import MOST_ROWS, side_by_side
from clipprobe.report.words import points, side_of

_NO_SHIFT = "with the word, beyond a nonsense word in its place"


def lead_of(context: Context, question: Question) -> Lead:
    """The verdict, with the reading shift of each group as its figure."""
    evaluation = context.evaluation
    tests = [
        cell
        for column in evaluation.columns
        for cell in evaluation.select(difference_of(SHIFT), column.name)
        if not math.isnan(cell.p)
    ]
    whole = _whole(context)
    verdict, evidence = _statement(context, question, tests, whole)
    return Lead(verdict=verdict, evidence=evidence, figure=_figure(context, whole))


def _whole(context: Context) -> Cell | None:
    """The shift of all images together that is largest."""
    column = context.evaluation.columns[0]
    cells = context.evaluation.select(SHIFT, column.name, probe=PROBE)
    known = [c for c in cells if not c.group and not math.isnan(c.value)]
    return max(known, key=lambda c: abs(c.value), default=None)


def _statement(
    context: Context, question: Question, tests: list[Cell], whole: Cell | None
) -> tuple[str, str]:
    n_words = len(question.words)
    about = f"{context.n_used:,} images, {n_words} word{'s' if n_words > 1 else ''} written."
    moved = "No shift could be measured."
    if whole is not None:
        moved = f"{whole.item}: {points(whole.estimate())} {_NO_SHIFT}."
    if not tests:
        return (
            "Nothing can be said about groups: no two are large enough to be compared",
            f"{moved} {about}",
        )
    flagged = strongest(tests)
    beside = f"{len(flagged)} of {len(tests)} differences between groups stand out (q at most "
    beside += f"{context.settings.alpha:g}, permuted groups)."
    if flagged:
        first = flagged[0]
        size = f"{abs(100 * first.value):.0f} points"
        side = "more" if first.value > 0 else "less"
        return (
            f"{first.item}: the word moves {first.group} {size} {side} than {first.reference}",
            f"{points(first.estimate())} between the groups. {beside} {moved} {about}",
        )
    if whole is not None and side_of(whole.estimate()) != 0:
        return (
            "The written word moves the answers, and no group is shown to be moved more than "
            "another",
            f"{moved} {beside} {about}",
        )
    return "The written words are not shown to move any group", f"{moved} {beside} {about}"


def _figure(context: Context, whole: Cell | None) -> Intervals:
    if whole is None:
        return side_by_side(context.headline, axis="the figures of the headline")
    rows: list[tuple[str, str, list[Any]]] = []
    for column in context.evaluation.columns:
        rows += _rows(context, column, whole.item)
    return Intervals(
        rows=[*rows[: MOST_ROWS - 1], ("all together", "", [whole.estimate()])],
        axis=f"reading shift of {whole.item}: its rate {_NO_SHIFT}",
        alt=f"Reading shift of {whole.item} by group, with 95 % intervals",
        mark=("no shift", 0.0),
        percent=True,
    )


def _rows(context: Context, column: GroupColumn, item: str) -> list[tuple[str, str, list[Any]]]:
    cells = context.evaluation.select(SHIFT, column.name, probe=PROBE)
    return [
        (c.group, column.heading, [c.estimate()])
        for c in cells
        if c.item == item and c.group and not math.isnan(c.value)
    ]
