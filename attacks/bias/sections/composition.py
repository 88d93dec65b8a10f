"""The probe ``retrieval`` in the report: skews, and what the top k is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.composition import BIAS, C_ASC, ENTROPY
from attacks.bias.measures.retrieval_cells import MAX_SKEW
from attacks.bias.sections.findings import Context, hidden_note
from attacks.bias.sections.skew import MAX_COLUMNS, retrieval_section
from attacks.bias.sections.wording import TOO_SMALL, capped, number, short, with_list
from clipprobe.report import Block, Chart, Paragraph, Section, Table

NAME = "retrieval"


def sections(context: Context) -> list[Section]:
    """Two sections per column: skews beside their floors, then the composition of the top k."""
    blocks = []
    for column in context.evaluation.columns:
        blocks.append(retrieval_section(context, NAME, column))
        blocks.append(_composition(context, column))
    return blocks


def sentence(context: Context) -> str:
    """The line in the opening: for how many texts some group stands out among the first k."""
    cells_of = context.evaluation.select(MAX_SKEW, reference="dataset target", probe=NAME)
    cells = [c for c in cells_of if not math.isnan(c.p)]
    if not cells:
        return f"{NAME}: nothing was tested, because no two groups are large enough for this k."
    flagged = sorted((c for c in cells if c.flagged), key=lambda c: (-c.excess, c.item, c.column))
    names = [
        f"{c.item} by {c.column.replace('_', ' ')} ({short(c.value)}, {short(c.null_mean)} by "
        "chance)"
        for c in flagged
    ]
    text = f"{NAME}: for {len(flagged)} of {len(cells)} texts and columns MaxSkew stands out"
    return with_list(text, names, 6)


def _composition(context: Context, column: GroupColumn) -> Section:
    title = f"What the top of each ranking holds, by {column.heading}"
    select = context.evaluation.select
    spread = {c.item: c for c in select(ENTROPY, column.name, probe=NAME)}
    note = hidden_note(context, NAME, column, C_ASC)
    if not spread:
        return Section(title, [TOO_SMALL, *note])
    bias = {c.item: c for c in select(BIAS, column.name, probe=NAME)}
    order = sorted(spread, key=lambda item: (spread[item].excess, item))
    words, more = capped(order, "{} words nearer to chance are in cells.csv")
    k = spread[order[0]].k
    blocks: list[Block] = [
        Paragraph(
            f"Of the {k:,} images closest to each text: entropy is 1 where every group has the "
            "same share, 0 where one group has all. "
            + (
                f"Bias@k is the share of {column.levels[1]} less that of {column.levels[0]}. "
                if bias
                else ""
            )
            + "Both aim at equal shares; the null mean says what a random ranking of these images "
            "gives. C-ASC is the difference of mean cosine, a group against the others, in "
            "standard deviations over all images. None of them is tested: MaxSkew and d are."
        )
    ]
    if "" in bias:
        mean = bias[""]
        blocks.append(
            Paragraph(
                f"Mean Bias@{k} over the {len(order)} texts: {short(mean.value)} "
                f"[{short(mean.low)}, {short(mean.high)}], {short(mean.null_mean)} by chance."
            )
        )
    blocks.append(_tops(words, spread, bias, f"by {column.heading}, k = {k}{more}"))
    blocks += _c_asc(context, column, words, more)
    return Section(title, [*blocks, *note])


def _tops(
    items: Sequence[str], spread: dict[str, Cell], bias: dict[str, Cell], named: str
) -> Table:
    head = ["word", "entropy", "null mean", "null 5th"]
    head += ["Bias@k", "null mean"] if bias else []
    rows = []
    for item in items:
        cell = spread[item]
        row = [item, cell.estimate(), number(cell.null_mean), number(cell.null_low)]
        if bias:
            row += [bias[item].estimate(), number(bias[item].null_mean)]
        rows.append(row)
    return Table(head, rows, f"Composition of the top of each ranking {named}")


def _c_asc(context: Context, column: GroupColumn, items: Sequence[str], more: str) -> list[Block]:
    from clipprobe.figures.bias import group_map

    cells = {
        (c.item, c.group): c for c in context.evaluation.select(C_ASC, column.name, probe=NAME)
    }
    label = f"C-ASC of each word with each {column.heading} against the others{more}"
    if len(column.levels) > MAX_COLUMNS:
        values = [[cells[item, level].value for level in column.levels] for item in items]
        return [Chart(group_map(items, column.levels, values, unit="C-ASC"), label)]
    return [
        Table(
            ["word", *(f"C-ASC of {level}" for level in column.levels)],
            [[item, *(cells[item, level].estimate() for level in column.levels)] for item in items],
            label,
        )
    ]
