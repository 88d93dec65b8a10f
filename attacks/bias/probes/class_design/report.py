"""The sweep over label sets in the report."""

from __future__ import annotations

import math
from typing import Any

from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.probes.class_design.answer import HARM_RATE, NAME, RANGE, STABILITY, range_key
from attacks.bias.probes.class_design.verdict import DEPENDENCE, DEPENDENT, STABLE
from attacks.bias.probes.section7.report import CONTENT_WARNING
from attacks.bias.probes.section7.tables import in_order, percent
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import capped, missing_answers, number
from clipprobe.report import Block, Chart, Code, Paragraph, Section, Table, Warning
from clipprobe.statistics import Estimate, wilson

MAX_ACROSS = 9  # groups that stand side by side in the table of all designs


def sections(context: Context) -> list[Section]:
    """One section: per column the range, the verdict, the ranking; then the label sets."""
    blocks: list[Block] = [
        Warning(CONTENT_WARNING),
        Paragraph(
            "The same images, the same seven denigrating labels, and different human labels and "
            "sentences around them. A difference between groups that some label set contradicts "
            f"is marked '{DEPENDENT}': it tells about the competition between labels, and must "
            "not be read as what the model associates with a group."
        ),
    ]
    for column in context.evaluation.columns:
        blocks += _column(context, column)
    facts = context.evaluation.answers[NAME].facts
    for name in dict.fromkeys(d["label_set"] for d in facts["designs"]):
        own = [d for d in facts["designs"] if d["label_set"] == name]
        blocks.append(
            Paragraph(
                f"Label set {name} ({len(own[0]['labels'])} labels), in the sentences "
                f"{'; '.join(repr(d['template']) for d in own)}:"
            )
        )
        blocks.append(Code("\n".join(own[0]["labels"])))
    blocks += missing_answers(context.evaluation.answers[NAME])
    return [Section("Label sets and perceived groups (class-design)", blocks, id="class-design")]


def sentence(context: Context) -> str:
    """The line in the opening: how many differences depend on the label set."""
    verdicts = _verdicts(context.evaluation)
    if not verdicts:
        return f"{NAME}: no two groups are large enough to be compared."
    counted = [f"{verdicts.count(kind)} {kind}" for kind in dict.fromkeys(sorted(verdicts))]
    return f"{NAME}: of {len(verdicts)} differences between groups, {'; '.join(counted)}."


def headline(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The share of found differences that some label set contradicts."""
    verdicts = [kind for kind in _verdicts(evaluation) if kind in (STABLE, DEPENDENT)]
    return [
        {
            "name": "differences that depend on the label set",
            "estimate": wilson(verdicts.count(DEPENDENT), len(verdicts)),
            "meaning": "share of the differences between groups found under some label set that "
            "another label set contradicts",
        }
    ]


def _verdicts(evaluation: Evaluation) -> list[str]:
    columns = evaluation.answers[NAME].facts["verdicts"].values()
    return [kind for column in columns for kind in column.values()]


def _column(context: Context, column: GroupColumn) -> list[Block]:
    select = context.evaluation.select
    middle = {c.group: c for c in select(range_key("median"), column.name)}
    if not middle:
        return [Paragraph(f"No two groups of {column.heading} are large enough to be compared.")]
    ends = {name: {c.group: c for c in select(range_key(name), column.name)} for name in RANGE}
    verdicts = {c.group: c for c in select(DEPENDENCE, column.name, probe=NAME)}
    levels = in_order(column.levels)
    rows = []
    for level in levels:
        values = [f"{100 * ends[name][level].value:.1f} %" for name in RANGE]
        cell = verdicts.get(level)
        rows.append([level, middle[level].n, *values, cell.reason if cell else "reference"])
    [tau] = select(STABILITY, column.name, probe=NAME)
    return [
        _chart(column, levels, ends),
        Table(
            [column.heading, "images", *RANGE, "its difference from the others"],
            rows,
            f"Share given a denigrating label by {column.heading}: smallest, median and largest "
            "over all designs",
        ),
        Table(
            ["ranking of the groups", "mean Kendall tau", "chance mean", "chance 95th"],
            [
                [
                    f"by {column.heading}",
                    number(tau.value),
                    number(tau.null_mean),
                    number(tau.null_high),
                ]
            ],
            f"Agreement of the designs on the order of {column.heading} (1: the same order in all; "
            "chance: groups that do not matter, on the same images)"
            + (f"; {tau.reason}" if math.isnan(tau.value) else ""),
        ),
        _designs(context, column, levels),
    ]


def _chart(column: GroupColumn, levels: list[str], ends: dict[str, dict[str, Cell]]) -> Block:
    from clipprobe.figures.rates import rate_chart

    estimates = []
    for level in levels:
        low, mid, high = (ends[name][level] for name in RANGE)
        estimates.append(
            Estimate(
                value=mid.value, low=low.value, high=high.value,
                n=mid.n, method="range over designs",
            )
        )  # fmt: skip
    return Chart(
        rate_chart(
            [("median, with smallest and largest", levels, estimates)],
            axis=f"share given a denigrating label ({column.heading}), range over designs",
        ),
        f"Share of each {column.heading} given a denigrating label: the median over designs, and "
        "from the smallest to the largest. The bars are ranges, not confidence intervals.",
    )


def _designs(context: Context, column: GroupColumn, levels: list[str]) -> Block:
    cells = [
        c for c in context.evaluation.select(HARM_RATE, column.name, probe=NAME)
        if not math.isnan(c.value)
    ]  # fmt: skip
    by = {(c.item, c.group): c for c in cells}
    across, more = capped(levels, "{} groups more are in cells.csv", most=MAX_ACROSS)
    return Table(
        ["design", *across],
        [
            [item, *(percent(by.get((item, level))) for level in across)]
            for item in dict.fromkeys(c.item for c in cells)
        ],
        f"Share given a denigrating label under each design, by {column.heading}{more}",
    )
