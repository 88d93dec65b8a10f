"""The part of the report about retrieval skew: charts and tables beside their null floors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.retrieval_cells import MAX_SKEW, MIN_SKEW, NDKL, SKEW
from attacks.bias.sections.findings import Context, hidden_note
from attacks.bias.sections.wording import TOO_SMALL, capped, number, short
from clipprobe.report import Block, Chart, Paragraph, Section, Table

TARGET_MEANING = {
    "dataset target": "each group's share of the images audited",
    "uniform target": "the same share for every group",
}
MAX_COLUMNS = 3  # groups whose skews stand side by side in a table; more become a map


def retrieval_section(context: Context, probe: str, column: GroupColumn) -> Section:
    """Skews of one column beside their null floors, for each target."""
    title = f"Retrieval skew of {probe} by {column.heading}"
    largest = context.evaluation.select(MAX_SKEW, column.name, "dataset target", probe=probe)
    note = hidden_note(context, probe, column, SKEW)
    if not largest:
        return Section(title, [TOO_SMALL, *note])
    order = [
        c.item for c in sorted(largest, key=lambda c: (math.isnan(c.excess), -c.excess, c.item))
    ]
    blocks: list[Block] = [
        Paragraph(
            f"Of the {largest[0].n:,} images, the {largest[0].k:,} closest to each text were "
            "taken. Skew is ln(share of a group among them / target share): 0 is on target, "
            f"{short(math.log(2))} is twice the target. MaxSkew is that of the group most over its "
            "target, MinSkew of the one most under it; NDKL weighs the whole ranking, early "
            "places most. The null floor is what a random ranking gives; excess is what is above "
            "its mean. A group whose target is under one of these places has no skew: that it is "
            "missing there would say nothing."
        )
    ]
    sizes = {column.sizes[level] for level in column.levels}
    for target in TARGET_MEANING:
        if target == "uniform target" and len(sizes) == 1:
            blocks.append(
                Paragraph(
                    "The groups are of one size, so the uniform target gives the same figures."
                )
            )
            continue
        blocks += _target_blocks(context, probe, column, target, order)
    return Section(title, [*blocks, *note])


def _target_blocks(
    context: Context, probe: str, column: GroupColumn, target: str, order: Sequence[str]
) -> list[Block]:
    from clipprobe.figures.bias import floor_chart

    def by_item(key: Key) -> dict[str, Cell]:
        cells = context.evaluation.select(key, column.name, target, probe=probe)
        return {cell.item: cell for cell in cells}

    largest, smallest, ndkl = by_item(MAX_SKEW), by_item(MIN_SKEW), by_item(NDKL)
    tested = target == "dataset target"
    label = f"by {column.heading}, {target} ({TARGET_MEANING[target]})"
    skews: dict[tuple[str, str], Cell] = {
        (cell.item, cell.group): cell
        for cell in context.evaluation.select(SKEW, column.name, target, probe=probe)
        if cell.status != "insufficient"
    }
    items, more = capped(order, "{} words with a smaller excess are in cells.csv")
    top = [largest[item] for item in items]
    whole = Table(
        ["word", "MinSkew", "null mean", "null 5th", "NDKL", "null mean", "null 95th"],
        [
            [
                item,
                *(number(x) for x in (least.value, least.null_mean, least.null_low)),
                *(number(x) for x in (whole.value, whole.null_mean, whole.null_high)),
            ]
            for item, least, whole in ((i, smallest[i], ndkl[i]) for i in items)
        ],
        f"MinSkew at k = {top[0].k} and NDKL {label}{more}",
    )
    by_group = _by_group(column, skews, items, label + more)
    # Which groups have a skew depends on k and their sizes: it is the same for all words.
    over = [level for level in column.levels if not math.isnan(skews[items[0], level].value)]
    if math.isnan(top[0].value):
        return [Paragraph(f"MaxSkew {label}: {top[0].reason}."), whole, by_group]
    rows = [
        [
            cell.item,
            max(over, key=lambda level: skews[cell.item, level].value),
            cell.estimate(),
            *(number(x) for x in (cell.null_mean, cell.null_high, cell.excess)),
            *([number(cell.q), cell.flagged] if tested else []),
        ]
        for cell in top
    ]
    head = ["word", "most over", "MaxSkew", "null mean", "null 95th", "excess"]
    head += ["q", "flagged"] if tested else []
    return [
        Chart(
            floor_chart(
                items,
                [cell.estimate() for cell in top],
                [(cell.null_mean, cell.null_high) for cell in top],
                flagged=[cell.flagged for cell in top] if tested else None,
                axis=f"MaxSkew@{top[0].k}, {target}  ({column.heading})",
            ),
            f"MaxSkew of each word {label}, with its interval; the grey bar runs from the mean of "
            "random rankings to their 95th percentile.",
        ),
        Table(head, rows, f"MaxSkew at k = {top[0].k} {label}{more}"),
        whole,
        by_group,
    ]


def _by_group(
    column: GroupColumn, skews: dict[tuple[str, str], Cell], items: Sequence[str], named: str
) -> Block:
    """Every group's own skew: a table for a few groups, a map for many."""
    from clipprobe.figures.bias import group_map

    absent = [skews[items[0], level] for level in column.levels]
    without = "".join(f"; {c.group}: {c.reason}" for c in absent if math.isnan(c.value))
    if len(column.levels) > MAX_COLUMNS:
        values = [[skews[item, level].value for level in column.levels] for item in items]
        return Chart(
            group_map(items, column.levels, values, unit="skew"),
            f"Skew of each group (across) for each word (down), {named}{without}; intervals are "
            "in cells.csv.",
        )
    rows = [[skews[item, level] for level in column.levels] for item in items]
    return Table(
        ["word", *(f"skew of {level}" for level in column.levels)],
        [
            [item, *(None if math.isnan(c.value) else c.estimate() for c in row)]
            for item, row in zip(items, rows, strict=True)
        ],
        f"Skew of each group {named}{without}",
    )
