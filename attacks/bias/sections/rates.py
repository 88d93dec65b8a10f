"""Rates summed up as fairlearn's ``MetricFrame`` does, from the cells of a report."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.sections.findings import Context
from attacks.bias.sections.wording import capped, number
from clipprobe.report import Paragraph, Section, Table


def rates_section(context: Context) -> list[Section]:
    """One row for each rate and column; nothing where no probe asked for a rate."""
    rows = rate_sums(context.evaluation)
    if not rows:
        return []
    listed, more = capped(
        rows, "{} with smaller differences follow from cells.csv", lambda row: -row["difference"]
    )
    return [
        Section(
            "Rates by perceived group, summed up",
            [
                Paragraph(
                    "Lowest and highest are taken over groups of 30 images and more. Differences "
                    "and ratios of extremes lie above 0 and below 1 by chance: the last columns "
                    "say how large the difference is when hits are assigned at random."
                ),
                Table(
                    ["rate", "label set", "by", "overall", "lowest", "highest", "difference",
                     "to overall", "ratio", "by chance, mean", "95th percentile"],
                    [
                        [
                            row["measure"], row["item"], row["heading"], row["overall"],
                            *(number(row[key]) for key in (
                                "group_min", "group_max", "difference", "difference_to_overall",
                                "ratio", "null_mean", "null_high")),
                        ]
                        for row in listed
                    ],
                    f"Rates by perceived or annotated group (as fairlearn's MetricFrame){more}",
                ),
            ],
            id="rates",
        )
    ]  # fmt: skip


def rate_sums(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Overall, extremes, differences and ratio of every rate whose gap was computed."""
    heading = {column.name: column.heading for column in evaluation.columns}
    rates: dict[tuple[str, Key, str, str], list[Cell]] = {}
    for cell in evaluation.cells:
        if not cell.reference:
            key = (cell.probe, cell.key, cell.item, cell.column)
            rates.setdefault(key, []).append(cell)
    rows: list[dict[str, Any]] = []
    for gap in evaluation.cells:
        # Shares at a threshold have tables of their own.
        if gap.key.contrast != "gap" or gap.key.at is not None or math.isnan(gap.value):
            continue
        measure = replace(gap.key, contrast="value", text=gap.key.quantity)
        cells_of = rates.get((gap.probe, measure, gap.item, gap.column), [])
        by_group = [c.value for c in cells_of if c.group and c.status == "inferred"]
        overall = [c for c in cells_of if not c.group]
        if len(by_group) < 2 or not overall:
            continue
        low, high, every = min(by_group), max(by_group), overall[0]
        rows.append(
            {
                "measure": str(measure), "item": gap.item, "column": gap.column,
                "heading": heading[gap.column], "overall": every.estimate(),
                "group_min": low, "group_max": high, "difference": high - low,
                "difference_to_overall": max(abs(v - every.value) for v in by_group),
                "ratio": low / high if high else math.nan,
                "null_mean": gap.null_mean, "null_high": gap.null_high,
            }
        )  # fmt: skip
    return rows
