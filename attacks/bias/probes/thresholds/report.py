"""The label lists of each side in the report, with their shares, and the curve over thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell
from attacks.bias.probes.section7.tables import percent as rate_text
from attacks.bias.probes.thresholds.answer import (
    NAME,
    OVERLAP,
    TOP,
    percent,
    share_key,
)
from attacks.bias.probes.thresholds.intervals import NO_INTERVAL
from attacks.bias.probes.thresholds.lists import SOURCE
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import TOO_SMALL, missing_answers, number, strongest, with_list
from clipprobe.report import Block, Chart, Code, Paragraph, Section, Table


def sections(context: Context) -> list[Section]:
    """One section per column, then the lists of labels."""
    answer = context.evaluation.answers[NAME]
    facts = answer.facts
    result = [
        Section(
            f"Labels that reach a threshold, by {column.heading} (label-thresholds)",
            _column(context, column),
        )
        for column in context.evaluation.columns
    ]
    blocks: list[Block] = [Paragraph(f"Sources of the default lists: {SOURCE}.")]
    for name, label_list in facts["lists"].items():
        sentences = "; ".join(repr(t) for t in label_list["templates"])
        blocks.append(Paragraph(f"{name}: {len(label_list['labels'])} labels in {sentences}."))
        blocks.append(Code("\n".join(label_list["labels"])))
    blocks += missing_answers(answer)
    return [*result, Section("Label lists by perceived group (label-thresholds)", blocks)]


def sentence(context: Context) -> str:
    """The line in the opening: how many labels differ between groups."""
    cells = [
        c
        for c in context.evaluation.cells
        if c.probe == NAME and c.key.contrast in ("difference", "gap") and not math.isnan(c.p)
    ]
    if not cells:
        return f"{NAME}: no label reached a threshold in groups that are large enough to compare."
    flagged = strongest(cells)
    names = [
        f"{c.item} {percent(c.key.at or 0.0)}"
        + (f" ({c.group if c.value > 0 else c.reference})" if c.group else "")
        for c in flagged
    ]
    text = f"{NAME}: {len(flagged)} of {len(cells)} labels and thresholds differ between groups"
    return with_list(text, names, 6)


def _column(context: Context, column: GroupColumn) -> list[Block]:
    facts = context.evaluation.answers[NAME].facts
    scale = facts["scale"]
    blocks: list[Block] = [
        Paragraph(
            "A label is attached to an image where its softmax probability over the whole list "
            f"(logit scale {'as in the table' if scale is None else f'{scale:g}'}) reaches the "
            "threshold, so several labels or none can be attached. Listed are the "
            f"{TOP} labels of each side that differ most by chi-squared, sorted by how many images "
            "have them. q is corrected over the whole report."
        )
    ]
    for name in facts["lists"]:
        for threshold in facts["thresholds"]:
            blocks += _lists(context, column, name, threshold)
        blocks += _stability(context, column, name)
    if len(blocks) == 1:
        blocks.append(TOO_SMALL)
    return blocks


def _lists(context: Context, column: GroupColumn, name: str, threshold: float) -> list[Block]:
    from clipprobe.figures.rates import rate_chart

    select, where = context.evaluation.select, f"{name} at {percent(threshold)}"
    shares = [c for c in select(share_key(name, threshold), column.name, probe=NAME) if c.k]
    if not shares:
        return [Paragraph(f"{where}: no label was attached to any image.")]
    tested = {
        c.item: c
        for contrast in ("difference", "gap")
        for c in select(share_key(name, threshold, contrast), column.name, probe=NAME)
    }
    blocks: list[Block] = []
    for side in dict.fromkeys(c.reference for c in shares):
        own = [c for c in shares if c.reference == side]
        items = list(dict.fromkeys(c.item for c in sorted(own, key=lambda c: c.k)))
        by = {(c.item, c.group): c for c in own}
        which = f"{where}, {side.replace('list of', 'more often for')}"
        if side == "list of all groups":
            which = f"{where}, the labels that differ most"
        words = [item.removeprefix(f"{name}: ") for item in items]
        if len(column.levels) <= 7:
            blocks.append(
                Chart(
                    rate_chart(
                        [(level, words, [_estimate(by[i, level]) for i in items])
                         for level in column.levels],
                        axis=f"share of images that have the label ({column.heading})",
                    ),
                    f"Share of each {column.heading} with a label, most frequent first: {which}.",
                )
            )  # fmt: skip
        blocks.append(_table(column, items, words, by, tested, which))
    return blocks


def _table(
    column: GroupColumn,
    items: Sequence[str],
    words: Sequence[str],
    by: dict[tuple[str, str], Cell],
    tested: dict[str, Cell],
    which: str,
) -> Table:
    rows = []
    for item, word in zip(items, words, strict=True):
        test = tested.get(item)
        q, flagged = (number(test.q), test.flagged) if test else (None, False)
        rows.append(
            [word, *(rate_text(by[item, g]) for g in column.levels), rate_text(test), q, flagged]
        )
    absent = any(cell.reason.endswith(NO_INTERVAL) for cell in tested.values())
    return Table(
        ["label", *column.levels, "difference", "q", "flagged"],
        rows,
        f"Share of each {column.heading} with a label: {which}"
        + (f"; the difference has {NO_INTERVAL}" if absent else ""),
    )


def _stability(context: Context, column: GroupColumn, name: str) -> list[Block]:
    cells = [
        c
        for c in context.evaluation.cells
        if c.probe == NAME
        and (c.key.quantity, c.key.scheme) == (OVERLAP, name)
        and c.column == column.name
    ]
    if not cells:
        return []
    sides = list(dict.fromkeys(c.group for c in cells))
    by = {(c.item, c.group): c for c in cells}
    items = list(dict.fromkeys(c.item for c in cells))
    return [
        Table(
            ["threshold", *(f"list of {side or 'all groups'}" for side in sides)],
            [
                [item.removeprefix(f"{name} "), *(number(by[item, side].value) for side in sides)]
                for item in items
            ],
            f"Do the lists survive another threshold? {name}: labels in common with the list "
            f"{cells[0].reference}, as a share of the labels in either, by {column.heading}",
        )
    ]


def _estimate(cell: Cell) -> object:
    return replace(cell, reason=cell.reason or "value only").estimate()
