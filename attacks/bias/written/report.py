"""The page: what was asked, rates and shifts by group, differences beside chance, limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from attacks.bias.cells import Cell
from attacks.bias.findings import Context, number
from attacks.bias.groups import GroupColumn
from attacks.bias.inputs.cards import UNDOCUMENTED
from attacks.bias.limits import ORGANISM
from attacks.bias.report import shared_sections
from attacks.bias.section7.tables import in_order, percent
from attacks.bias.written.encode import CONDITIONS
from attacks.bias.written.measures import CLUTTER, DIFFERENCE, GAP, PROBE, SHIFT, rate_of
from attacks.bias.written.question import Question
from clipprobe.report import Chart, Code, Numbers, Page, Paragraph, Section, Table, Warning
from clipprobe.report.page import Block

QUESTION = (
    "A word is written on pictures of people. Does it move the rate of a label more for one "
    "perceived or annotated group than for another?"
)
CONTENT_WARNING = (
    "Content warning: labels or words of this report have been used to degrade people ({words}). "
    "They are written and asked because models give them to people; no group is meant by them."
)
_MAX_NAMED = 6


def build_page(context: Context, question: Question, attack: dict[str, Any]) -> Page:
    """The whole page; the limits are part of it whatever was asked."""
    data, groups, limits = shared_sections(context)
    columns = [_column(context, question, column) for column in context.evaluation.columns]
    return Page(
        title="Words written on pictures, by perceived or annotated group",
        subtitle=(
            f"{context.n_used:,} images, {len(question.words)} word(s), "
            f"{context.evaluation.family_size:,} tests corrected together; perceived groups, never "
            "what a person is"
        ),
        sections=[
            _opening(context, question),
            data,
            groups,
            *columns,
            _method(context, question, attack),
            limits,
        ],
        provenance=context.provenance,
    )


def content_warning(question: Question) -> str:
    """The warning before denigrating labels and words; empty where there is none."""
    if not question.denigrating:
        return ""
    return CONTENT_WARNING.format(words=", ".join(question.denigrating))


def sentence(context: Context, column: GroupColumn) -> str:
    """One neutral sentence: how many differences were tested, how many stand out, which."""
    cells = context.evaluation.select(DIFFERENCE, column.name)
    tested = [cell for cell in cells if not math.isnan(cell.p)]
    start = f"By {column.heading}"
    if not tested:
        return (
            f"{start}: nothing was tested, because no two groups are large enough (30 images, and "
            "10 clusters where clusters are named)."
        )
    flagged = sorted((c for c in tested if c.flagged), key=lambda c: (-abs(c.value), c.item))
    said = f"{start}: {len(flagged)} of {len(tested)} differences of reading shifts stand out"
    if not flagged:
        widest = max(tested, key=lambda c: (c.high - c.low, c.item))
        return (
            f"{said} (q ≤ {context.settings.alpha:g}); the intervals below say which sizes remain "
            f"possible, the widest from {points(widest.low)} to {points(widest.high)} points."
        )
    named = "; ".join(
        f"{c.item}: {points(c.value)} points for {c.group} against {c.reference}"
        for c in flagged[:_MAX_NAMED]
    )
    more = f"; and {len(flagged) - _MAX_NAMED} more" if len(flagged) > _MAX_NAMED else ""
    return f"{said}: {named}{more}."


def points(value: float) -> str:
    """A rate's change in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def _opening(context: Context, question: Question) -> Section:
    blocks: list[Block] = [Warning(ORGANISM)] if context.organism else []
    blocks += [Warning(UNDOCUMENTED)] if context.card is None else []
    warning = content_warning(question)
    blocks += [Warning(warning)] if warning else []
    blocks.append(Paragraph(QUESTION))
    flagged = sum(cell.flagged for cell in context.evaluation.cells)
    blocks.append(
        Numbers(
            [
                *((one["name"], one["estimate"], one["meaning"]) for one in context.headline),
                (
                    "flagged",
                    f"{flagged} of {context.evaluation.family_size}",
                    "tests that stand out, of all tests of this report, corrected together",
                ),
            ]
        )
    )
    blocks += [Paragraph(sentence(context, column)) for column in context.evaluation.columns]
    if context.n_failed:
        blocks.append(
            Warning(
                f"{context.n_failed} image(s) could not be read or written on and take no part; "
                "the manifest names each with its reason."
            )
        )
    return Section("What was asked, and what can be said", blocks, id="summary")


def _column(context: Context, question: Question, column: GroupColumn) -> Section:
    blocks: list[Block] = [
        Paragraph(
            "Rates are shares of images whose closest label is the one named, with Wilson "
            "intervals (bootstrapped where clusters are named). The reading shift is the rate with "
            "the word less the rate with a nonsense word in its place, for the same images. The "
            "clutter shift is the nonsense word's rate less that of the clean pictures."
        )
    ]
    for word in question.words:
        items = [o.item for o in question.outcomes if o.word == word]
        blocks += _word(context, column, word, items)
    blocks += _differences(context, column)
    hidden = [
        c
        for c in context.evaluation.cells
        if c.column == column.name and c.status == "insufficient"
    ]
    if hidden:
        sizes = ", ".join(f"{name} (n={n})" for name, n in column.too_small.items())
        blocks.append(
            Paragraph(f"{len(hidden)} cells are insufficient and hold no number: {sizes}.")
        )
    return Section(f"Written words by {column.heading}", blocks)


def _word(context: Context, column: GroupColumn, word: str, items: Sequence[str]) -> list[Block]:
    from clipprobe.figures.rates import rate_chart

    select = context.evaluation.select
    series = []
    for item in items:
        by = {c.group: c for c in select(SHIFT, column.name) if c.item == item and c.group}
        shown = [g for g in in_order(column.levels) if g in by and not math.isnan(by[g].value)]
        series.append((item, shown, [by[g].estimate() for g in shown]))
    blocks: list[Block] = []
    if any(shown for _, shown, _ in series):
        blocks.append(
            Chart(
                rate_chart(series, axis=f"reading shift of the rate ({column.heading})"),
                f"Reading shift with {word!r} written on the pictures, by {column.heading}, with "
                f"its {100 * context.settings.level:g} % interval. To the right: reading the word "
                "raises the rate.",
            )
        )
    for item in items:
        blocks.append(_rates(context, column, item))
    return blocks


def _rates(context: Context, column: GroupColumn, item: str) -> Table:
    measures = [*(rate_of(condition) for condition in CONDITIONS), SHIFT, CLUTTER]
    cells = {
        (c.measure, c.group): c
        for c in context.evaluation.cells
        if c.probe == PROBE and c.column == column.name and c.item == item
    }
    rows: list[list[Any]] = []
    for level in [*in_order(list(column.sizes)), ""]:
        row = [cells.get((measure, level)) for measure in measures]
        texts = [
            percent(c, signed=m in (SHIFT, CLUTTER)) for m, c in zip(measures, row, strict=True)
        ]
        rows.append([level or "all of these groups", *texts])
    return Table(
        [column.heading, *CONDITIONS, SHIFT, CLUTTER],
        rows,
        f"{item}: share of images by {column.heading} with nothing written (clean), a blank "
        "label, a nonsense word and the word, and the paired shifts in points",
    )


def _differences(context: Context, column: GroupColumn) -> list[Block]:
    def row(c: Cell) -> list[Any]:
        against = f"{c.group} against {c.reference}" if c.group else c.reference
        value = "insufficient" if math.isnan(c.value) else points(c.value)
        if not math.isnan(c.low):
            value += f" [{points(c.low)}, {points(c.high)}]"
        chance = [points(x) for x in (c.null_low, c.null_mean, c.null_high)]
        p, q = number(c.p), number(c.q)
        return [c.item, against, value, *chance, p, q, c.flagged, c.reason or c.method]

    select = context.evaluation.select
    cells = [*select(DIFFERENCE, column.name), *select(GAP, column.name)]
    if not cells:
        return [Paragraph("Fewer than two groups are large enough to be compared.")]
    return [
        Table(
            [
                *("word → label", "compared", "difference", "chance 5th", "chance mean"),
                *("chance 95th", "p", "q", "flagged", "how"),
            ],
            [row(c) for c in cells],
            f"Differences of reading shifts by {column.heading} in percentage points, beside what "
            f"chance gives; q over the {context.evaluation.family_size:,} tests of the report",
        )
    ]


def _method(context: Context, question: Question, attack: dict[str, Any]) -> Section:
    chosen, asked = context.settings, question.label_set
    family = context.evaluation.family_size
    drawn = ", ".join(f"{name} {value}" for name, value in sorted(attack.items()))
    blocks: list[Block] = [
        Paragraph(
            "Each picture was answered clean and, for each word, with the word, a blank label and "
            "a nonsense word of the same length and shape in one place and size. Words written: "
            f"{', '.join(map(repr, question.words))}. How they were written: {drawn}."
        ),
        Paragraph(
            f"Intervals of differences are {100 * chosen.level:g} % percentile bootstraps within "
            f"groups ({chosen.n_boot:,} draws); p-values come from {chosen.n_permutations:,} "
            "permutations of the group labels (of whole clusters where clusters lie in one group, "
            "within clusters where they span groups), two-sided. The gap is the largest shift less "
            "the smallest; it is above 0 by chance, so it stands beside its null. Every difference "
            "between groups of 30 images and more was tested, and every gap over more than two "
            f"groups; the {family:,} tests were corrected together (Benjamini-Hochberg). A cell is "
            f"flagged where q ≤ {chosen.alpha:g}. Shifts themselves are not tested: their "
            f"intervals speak. Seed: {chosen.seed}."
        ),
        Paragraph(
            "A difference of shifts depends on the scale. A group whose rate is near 1 before the "
            "word is written cannot be moved up, and one whose pictures are far from the label may "
            "not be moved at all: look at the rates before the word, and at the gap of other "
            "labels, before reading a difference as a difference in reading. A word can also be "
            "harder to read on one group's pictures because of their colours, crowding or size."
        ),
        Paragraph(
            f"The closest of {len(asked.labels)} labels was taken (several sentences of a label "
            "are averaged). Every label with its sentences:"
        ),
    ]
    lines = [f"{label}: {'; '.join(asked.sentences(label))}" for label in asked.labels]
    blocks.append(Code("\n".join(lines)))
    rows = [[o.word, o.label, o.why] for o in question.outcomes]
    blocks.append(Table(["word", "label followed", "why"], rows, "Whose rates were followed"))
    if family > chosen.alpha * (chosen.n_permutations + 1):
        blocks.append(
            Warning(
                f"With {chosen.n_permutations:,} permutations a p-value cannot be smaller than "
                f"{1 / (chosen.n_permutations + 1):.2g}, so a single true difference among "
                f"{family:,} tests could not be flagged: raise the number of permutations."
            )
        )
    return Section("Method", blocks, id="method")
