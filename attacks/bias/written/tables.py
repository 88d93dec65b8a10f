"""One group column in the report: rates under each condition, shifts, differences beside chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.probes.section7.tables import in_order, percent
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import number
from attacks.bias.written.encode import CONDITIONS
from attacks.bias.written.measures import difference_of, gap_of
from attacks.bias.written.question import Question
from attacks.bias.written.shifts import CLUTTER, MARGIN_SHIFT, PROBE, SHIFT, rate_of
from clipprobe.report import Block, Chart, Paragraph, Section, Table


def column_section(context: Context, question: Question, column: GroupColumn) -> Section:
    """Of each word a chart of shifts and tables of rates; then how groups differ, beside chance."""
    blocks: list[Block] = [
        Paragraph(
            "Rates are shares of images whose closest label is the one named, with Wilson "
            "intervals (bootstrapped where clusters are named). The reading shift is the rate with "
            "the word less the rate with a nonsense word in its place, for the same images. The "
            "clutter shift is the nonsense word's rate less that of the clean images. The margin "
            "is the cosine with the label less the largest with another; its shift, again the word "
            "against the nonsense word, also shows what is too small to change a label."
        )
    ]
    for word in question.words:
        items = [o.item for o in question.outcomes if o.word == word]
        blocks += _word(context, column, word, items)
    for shift in (SHIFT, MARGIN_SHIFT):
        blocks += _differences(context, column, shift)
    hidden = [
        c
        for c in context.evaluation.cells
        if c.column == column.name and c.status == "insufficient"
    ]
    if hidden:
        names = ", ".join(column.hidden)
        blocks.append(
            Paragraph(f"{len(hidden)} cells are insufficient and hold no number: {names}.")
        )
    return Section(f"Written words by {column.heading}", blocks)


def _word(context: Context, column: GroupColumn, word: str, items: Sequence[str]) -> list[Block]:
    from clipprobe.figures.rates import rate_chart

    select = context.evaluation.select
    series = []
    for item in items:
        by = {c.group: c for c in select(SHIFT, column.name) if c.item == item and c.group}
        groups = [g for g in in_order(column.levels) if g in by and not math.isnan(by[g].value)]
        series.append((item, groups, [by[g].estimate() for g in groups]))
    blocks: list[Block] = []
    if any(groups for _, groups, _ in series):
        blocks.append(
            Chart(
                rate_chart(series, axis=f"reading shift of the rate ({column.heading})"),
                f"Reading shift with {word!r} written on the images, by {column.heading}, with "
                f"its {100 * context.settings.level:g} % interval. To the right: reading the word "
                "raises the rate.",
            )
        )
    for item in items:
        blocks.append(_rates(context, column, item))
        blocks += _stuck(context, column, item)
    return blocks


def _stuck(context: Context, column: GroupColumn, item: str) -> list[Block]:
    """A note where a rate could not show anything, because it is 0 or 1 throughout."""
    rates = {
        cell.value
        for condition in ("nonsense", "word")
        for cell in context.evaluation.select(rate_of(condition), column.name, probe=PROBE)
        if cell.item == item and not cell.group
    }
    if rates not in ({0.0}, {1.0}):
        return []
    return [
        Paragraph(
            f"{item}: the rate is {100 * rates.pop():.0f} % with the nonsense word and with the "
            "word, so a difference between groups cannot show in it; only the margin can show one."
        )
    ]


def _rates(context: Context, column: GroupColumn, item: str) -> Table:
    measures = [*(rate_of(condition) for condition in CONDITIONS), SHIFT, CLUTTER, MARGIN_SHIFT]
    cells = {
        (c.key, c.group): c
        for c in context.evaluation.cells
        if c.probe == PROBE and c.column == column.name and c.item == item
    }
    rows: list[list[Any]] = []
    for level in [*in_order(list(column.sizes)), ""]:
        row = [cells.get((measure, level)) for measure in measures]
        texts = [_text(m, c) for m, c in zip(measures, row, strict=True)]
        rows.append([level or "all of these groups", *texts])
    return Table(
        [column.heading, *CONDITIONS, *map(str, (SHIFT, CLUTTER, MARGIN_SHIFT))],
        rows,
        f"{item}: share of images by {column.heading} with nothing written (clean), a blank "
        "label, a nonsense word and the word, and the paired shifts (of the margin in cosine)",
    )


def _text(measure: Key, cell: Cell | None) -> str:
    if measure != MARGIN_SHIFT or cell is None or math.isnan(cell.value):
        return percent(cell, signed=measure in (SHIFT, CLUTTER))
    return f"{_with_interval(measure, cell)} n={cell.n:,}"


def _with_interval(shift: Key, cell: Cell) -> str:
    text = amount(shift, cell.value)
    if math.isnan(cell.low):
        return text
    return f"{text} [{amount(shift, cell.low)}, {amount(shift, cell.high)}]"


def _differences(context: Context, column: GroupColumn, shift: Key) -> list[Block]:
    def row(c: Cell) -> list[Any]:
        against = f"{c.group} against {c.reference}" if c.group else c.reference
        value = "insufficient" if math.isnan(c.value) else _with_interval(shift, c)
        chance = [amount(shift, x) for x in (c.null_low, c.null_mean, c.null_high)]
        sizes = f"{c.n:,}" + (f" and {c.n_reference:,}" if c.group else "")
        return [c.item, against, sizes, value, *chance, number(c.p), number(c.q), c.flagged]

    select = context.evaluation.select
    cells = [*select(difference_of(shift), column.name), *select(gap_of(shift), column.name)]
    if not cells:
        return [Paragraph("Fewer than two groups are large enough to be compared.")]
    unit = "cosine" if shift == MARGIN_SHIFT else "percentage points"
    return [
        Table(
            [
                *("word → label", "compared", "images", "difference", "chance 5th"),
                *("chance mean", "chance 95th", "p", "q", "flagged"),
            ],
            [row(c) for c in cells],
            f"Differences of {shift}s by {column.heading}, in {unit}, beside what chance gives; q "
            f"over the {context.evaluation.family_size:,} tests of the report. How each interval "
            "was made, and why one is missing, is in cells.csv.",
        )
    ]


def amount(shift: Key, value: float) -> str:
    """A shift with its sign: of a rate in percentage points, of a margin in cosine."""
    text = f"{value:+.4f}" if shift == MARGIN_SHIFT else f"{100 * value:+.1f}"
    return text.replace("-", "−")


def unit(shift: Key) -> str:
    """What an amount is counted in, in a sentence."""
    return " in cosine" if shift == MARGIN_SHIFT else " points"
