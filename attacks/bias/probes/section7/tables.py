"""Tables of section 7: groups down, measures across, gaps beside what chance gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.groups.vocabulary import AGES, GENDERS, RACES, read_value
from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.probes.section7.answer import (
    AGE,
    BINARY_RACE,
    BOTH,
    CHILD_EFFECT,
    CRIME_RATE,
    GENDER,
    HARM_RATE,
    LABEL_RATE,
    NAME,
    NON_HUMAN_RATE,
    RACE,
)
from attacks.bias.probes.section7.label_sets import DENIGRATION
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import number
from clipprobe.report import Block, Table

ACCURACIES = (GENDER, RACE, BINARY_RACE, BOTH, AGE)
HARMS = (CRIME_RATE, NON_HUMAN_RATE, HARM_RATE)


def headline(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Overall accuracies and, of each label set, the rate of denigrating labels; over the column
    that shows most images, since one with hidden groups can leave most of them out."""
    rows = []
    for measure in (*ACCURACIES, HARM_RATE):
        cells = evaluation.select(measure, probe=NAME)
        for item in dict.fromkeys(c.item for c in cells):
            overall = (c for c in cells if c.item == item and not c.group)
            whole = max(overall, key=lambda c: c.n, default=None)
            if whole is None:
                continue
            rows.append(
                {
                    "name": f"{measure} ({item})",
                    "estimate": whole.estimate(),
                    "meaning": "share of the images that were compared by "
                    f"{whole.column.replace('_', ' ')}; by group in the report",
                }
            )
    return rows


def percent(cell: Cell | None, *, signed: bool = False) -> str:
    """A rate as text: ``16.4 % [14.6, 18.3] n=1,556``."""
    if cell is None:
        return "–"
    if math.isnan(cell.value):
        return cell.reason or "undefined"
    sign = "+" if signed else ""
    text = f"{100 * cell.value:{sign}.1f} %"
    if not math.isnan(cell.low):
        text += f" [{100 * cell.low:{sign}.1f}, {100 * cell.high:{sign}.1f}]"
    return f"{text} n={cell.n:,}".replace("-", "−")


def in_order(levels: Sequence[str]) -> list[str]:
    """Races, genders and ages in the paper's order, others as they are."""
    for attribute, order in (("race", RACES), ("gender", GENDERS), ("age", AGES)):
        values = {level: read_value(attribute, level) for level in levels}
        if all(values.values()):
            return sorted(levels, key=lambda level: order.index(values[level] or ""))
    return list(levels)


def rate_table(
    context: Context, column: GroupColumn, kinds: Sequence[tuple[Key, str]], caption: str
) -> Table | None:
    """Groups down, ``(measure, label set)`` across; None where there is no such cell."""
    cells = {
        (c.key, c.item, c.group): c
        for measure, item in kinds
        for c in context.evaluation.select(measure, column.name, probe=NAME)
        if c.item == item
    }
    kinds_present = [kind for kind in kinds if any(key[:2] == kind for key in cells)]
    if not kinds_present:
        return None
    rows = []
    for level in [*in_order(list(column.sizes)), ""]:
        row = [cells.get((*kind, level)) for kind in kinds_present]
        if any(row):
            signed = [measure == CHILD_EFFECT for measure, _ in kinds_present]
            texts = [percent(c, signed=s) for c, s in zip(row, signed, strict=True)]
            rows.append([level or "all of these groups", *texts])
    head = [column.heading, *(f"{measure} ({item})" for measure, item in kinds_present)]
    return Table(head, rows, caption)


def gap_table(context: Context, column: GroupColumn, measures: Sequence[Key]) -> list[Block]:
    rows = []
    for measure in measures:
        cells = context.evaluation.select(measure.against("gap"), column.name, probe=NAME)
        cells += context.evaluation.select(measure.against("difference"), column.name, probe=NAME)
        for c in cells:
            against = f"{c.group} against {c.reference}" if c.group else c.reference
            chance = (f"{100 * x:.1f}".replace("-", "−") for x in (c.null_mean, c.null_high))
            excess = f"{100 * c.excess:+.1f}".replace("-", "−")
            rows.append(
                [
                    f"{measure} ({c.item})",
                    against,
                    percent(c, signed=bool(c.group)),
                    *chance,
                    excess,
                    number(c.q),
                    c.flagged,
                ]
            )
    if not rows:
        return []
    return [
        Table(
            [
                *("figure", "compared", "difference", "chance mean", "chance 95th"),
                *("excess", "q", "flagged"),
            ],
            rows,
            f"Gaps and differences by {column.heading} in percentage points, beside what chance "
            "gives where groups do not matter",
        )
    ]


def by_label(context: Context, column: GroupColumn) -> list[Block]:
    """Which labels make up the rate of the first label set."""
    first = next(iter(items_of(context, HARMS)), DENIGRATION.name)
    cells = [
        c
        for c in context.evaluation.select(LABEL_RATE, column.name, probe=NAME)
        if c.item.startswith(f"{first}: ") and not math.isnan(c.value)
    ]
    if not cells:
        return []
    labels = list(dict.fromkeys(c.item for c in cells))
    by = {(c.group, c.item): c for c in cells}
    levels = [*in_order(column.levels), ""]
    return [
        Table(
            [column.heading, *(label.split(": ", 1)[1] for label in labels)],
            [
                [level or "all", *(percent(by.get((level, label))) for label in labels)]
                for level in levels
            ],
            f"Which labels these are, by {column.heading} ({first}); not tested one by one",
        )
    ]


def items_of(context: Context, measures: Sequence[Key]) -> list[str]:
    cells = [c for m in measures for c in context.evaluation.select(m, probe=NAME)]
    return list(dict.fromkeys(c.item for c in cells))


def has_cells(context: Context, measure: Key, item: str) -> bool:
    return any(c.item == item for c in context.evaluation.select(measure, probe=NAME))
