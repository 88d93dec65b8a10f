"""Association tests in the report: one table a mode, the word sets with source and caveat."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell
from attacks.bias.probes.association_tests.answer import (
    IMAGE_TARGETS,
    IMAGES,
    MODES,
    NAME,
    WORD_TARGETS,
    WORDS,
)
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import (
    MAX_ROWS,
    TOO_SMALL,
    capped,
    listed,
    missing_answers,
    number,
    strongest,
    towards,
)
from clipprobe.report import Block, Chart, Paragraph, Section, Table

MEANING = {
    WORDS: "Both the targets and the attributes are words: what the text tower alone associates.",
    IMAGES: "Targets are the images of two groups, attributes two sets of words: d above 0, the "
    "images of the group lean to the first set. Groups are permuted over images.",
    WORD_TARGETS: "Targets are two sets of words, attributes the images of two groups: d above 0, "
    "the first set leans to the images of the group. Words are permuted between the sets, and "
    "groups over images; the larger p counts.",
    IMAGE_TARGETS: "Targets are the images of two groups of one attribute, attributes the images "
    "of two groups of another, over disjoint halves. What else differs between the images "
    "(clothes, light, and who was photographed how) shows here as much as what a model learnt.",
}


def sections(context: Context) -> list[Section]:
    """Words alone, then one section per group column, then the word sets."""
    blocks = [_words_section(context)]
    blocks += [_column(context, column) for column in context.evaluation.columns]
    return [*blocks, _lists(context)]


def sentence(context: Context) -> str:
    """The line in the opening: which tests stand out, by mode."""
    cells = [c for c in context.evaluation.cells if c.probe == NAME and not math.isnan(c.p)]
    if not cells:
        return f"{NAME}: nothing was tested, because no two groups are large enough."
    parts = []
    for mode in MODES:
        own = [c for c in cells if c.key.scheme == mode]
        flagged = strongest(own)
        if own:
            names = listed([f"{_short(c)} towards {towards(c)}" for c in flagged], 3)
            tail = f" ({names})" if flagged else ""
            parts.append(f"{mode}, {len(flagged)} of {len(own)}{tail}")
    return f"{NAME}, tests that stand out: {'. '.join(parts)}."


def _short(cell: Cell) -> str:
    return cell.item.removeprefix(f"{cell.key.scheme}: ").split(": ")[0]


def _of(context: Context, mode: str, column: str) -> list[Cell]:
    return [
        c
        for c in context.evaluation.cells
        if c.probe == NAME
        and c.column == column
        and c.key.scheme == mode
        and c.status != "insufficient"
    ]


def _table(cells: Sequence[Cell], caption: str) -> Table:
    listed, more = capped(
        cells,
        "{} smaller ones are in cells.csv",
        lambda c: (not c.flagged, -abs(c.value), c.item, c.group),
    )
    rows = [
        [_short(c), c.group, c.reference, c.estimate(), number(c.p), number(c.q), c.flagged]
        for c in listed
    ]
    return Table(["test", "group", "against", "d", "p", "q", "flagged"], rows, caption + more)


def _words_section(context: Context) -> Section:
    cells = _of(context, WORDS, "")
    blocks: list[Block] = [Paragraph(MEANING[WORDS])]
    if cells:
        caption = "p over all partitions up to 100,000 of them, else over random ones"
        blocks.append(_table(cells, f"Association tests over words; {caption}"))
    blocks += missing_answers(context.evaluation.answers[NAME])
    return Section("Association of words about perceived groups (association)", blocks)


def _column(context: Context, column: GroupColumn) -> Section:
    from clipprobe.figures.bias import association_chart

    blocks: list[Block] = []
    for mode in (IMAGES, WORD_TARGETS, IMAGE_TARGETS):
        cells = _of(context, mode, column.name)
        if not cells:
            continue
        blocks.append(Paragraph(MEANING[mode]))
        if len(cells) <= MAX_ROWS:
            names = [
                _short(c) if len(column.levels) == 2 else f"{_short(c)}: {c.group}" for c in cells
            ]
            blocks.append(
                Chart(
                    association_chart(
                        names,
                        [c.estimate() for c in cells],
                        flagged=[c.flagged for c in cells],
                        axis=f"d, {mode} ({column.heading})",
                    ),
                    f"d of each test by {column.heading}, {mode}, with its interval; filled marks "
                    "are flagged.",
                )
            )
        blocks.append(_table(cells, f"Association tests by {column.heading}, {mode}"))
    return Section(f"Association tests by {column.heading}", blocks or [TOO_SMALL])


def _lists(context: Context) -> Section:
    facts = context.evaluation.answers[NAME].facts
    return Section(
        "Word sets asked of perceived groups (association)",
        [
            Table(
                ["pair", "first set", "second set", "source", "licence", "caveat"],
                [
                    [
                        pair["name"], ", ".join(pair["first"]), ", ".join(pair["second"]),
                        pair["source"], pair["licence"], pair["caveat"],
                    ]
                    for pair in facts["pairs"]
                ],
                "Every word asked, in the sentences "
                f"{'; '.join(repr(t) for t in facts['templates'])}, with its source and caveat",
            )
        ],
    )  # fmt: skip
