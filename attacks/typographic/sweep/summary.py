"""All numbers of a sweep, as they stand in ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attacks.typographic.report.findings import warnings as audit_warnings
from attacks.typographic.report.summary import columns_of
from attacks.typographic.scoring.metrics import Outcomes, rate
from attacks.typographic.sweep.grid import Cell, Grid, level_name
from attacks.typographic.sweep.measures import (
    MEASURES,
    Conditions,
    by_cell,
    level_means,
    matrix,
    measure,
)
from attacks.typographic.sweep.settings import CONTROL
from attacks.typographic.sweep.smallest import smallest_texts
from attacks.typographic.sweep.trend import Trend, trend
from attacks.typographic.sweep.worst import Extreme, extreme, in_every_cell
from clipprobe.statistics import Estimate, undefined
from clipprobe.zeroshot.classes import Classes

#: Outcomes whose trend is tested: name -> (outcome, condition).
TRENDS = {
    "attacked_accuracy": ("correct", "attack"),
    "targeted_success": ("hit", "attack"),
    "control_success": ("hit", CONTROL),
}


def summarise(
    table: Any, grid: Grid, classes: Classes, *, level: float, left_out: Sequence[int], seed: int
) -> dict[str, Any]:
    """All numbers of a sweep.

    Args:
        table: The result table.
        level: What targeted success must exceed for a text to work.
        left_out: For each cell the images on which its word did not fit.
    """
    numbers = [cell.number for cell in grid.cells]
    clean, cells = by_cell(table, numbers)
    measures = {n: measure({n: cells[n]}, clean, seed=seed) for n in numbers}
    filled = [n for n in numbers if "attack" in cells[n]]
    accuracy = _clean_accuracy(clean, seed)
    worst = _worst(cells, filled, clean, seed)
    texts = smallest_texts(grid, measures, level)
    pixels = set(table["pixels"].to_pylist())
    sizes = _rendered_sizes(table, numbers)
    return {
        "kind": "typographic-sweep",
        "design": grid.design,
        "factors": {name: list(levels) for name, levels in grid.factors.items()},
        "level": level,
        "headline": _headline(accuracy, worst, texts, level),
        "n": {
            "images": len(np.unique(clean.cluster)),
            "pairs": len(clean.pair),
            "cells": len(numbers),
            "classes": len(classes.names),
            "encoded": len(pixels),
        },
        "measures": MEASURES,
        "cells": [
            {
                "cell": cell.number,
                "levels": cell.levels,
                "name": cell.name,
                "left_out": left_out[cell.number],
                **sizes[cell.number],
                **measures[cell.number],
            }
            for cell in grid.cells
        ],
        "curves": {name: _curve(grid, name, cells, measures, clean, seed) for name in grid.factors},
        "trends": {name: _trends(grid, name, cells, clean, seed) for name in grid.factors},
        "worst": worst,
        "smallest_text": texts,
        "warnings": _warnings(table, classes, accuracy, grid, left_out),
    }


def _clean_accuracy(clean: Outcomes, seed: int) -> Estimate:
    first = np.unique(clean.cluster, return_index=True)[1]  # an image stands once for each word
    return rate(clean.correct[first], clean.cluster[first], seed=seed)


def _curve(
    grid: Grid,
    factor: str,
    cells: Mapping[int, Conditions],
    measures: Mapping[int, Mapping[str, Estimate]],
    clean: Outcomes,
    seed: int,
) -> list[dict[str, Any]]:
    points = []
    for value, members in grid.curve(factor):
        of = [cell.number for cell in members]
        figures = measures[of[0]] if len(of) == 1 else measure(
            {n: cells[n] for n in of}, clean, seed=seed
        )  # fmt: skip
        points.append({"level": value, "name": level_name(value), "cells": of, **figures})
    return points


def _trends(
    grid: Grid, factor: str, cells: Mapping[int, Conditions], clean: Outcomes, seed: int
) -> dict[str, Any]:
    if not grid.ordered(factor):
        return {"reason": "its levels are not numbers, so they have no order", "measures": {}}
    groups = [
        [cell.number for cell in members if "attack" in cells[cell.number]]
        for _, members in grid.curve(factor)
    ]
    levels = [i for i, group in enumerate(groups) if group]
    if not levels:
        return {"reason": "the word could be written at no level", "measures": {}}
    numbers = [number for i in levels for number in groups[i]]
    place = {number: column for column, number in enumerate(numbers)}
    trends: dict[str, Trend] = {}
    for name, (outcome, condition) in TRENDS.items():
        values, clusters = matrix(cells, numbers, clean, outcome=outcome, condition=condition)
        means = level_means(values, [[place[n] for n in groups[i]] for i in levels])
        trends[name] = trend(means, clusters, seed=seed)
    names = [level_name(grid.factors[factor][i]) for i in levels]
    return {"reason": "", "levels": names, "measures": trends}


def _worst(
    cells: Mapping[int, Conditions], numbers: list[int], clean: Outcomes, seed: int
) -> dict[str, Any]:
    right, images = matrix(cells, numbers, clean, outcome="correct")
    hits, of_hits = matrix(cells, numbers, clean, outcome="hit")
    control, of_control = matrix(cells, numbers, clean, outcome="correct", condition=CONTROL)
    lowest: Extreme = extreme(right, numbers, images, lowest=True, seed=seed)
    highest: Extreme = extreme(hits, numbers, of_hits, lowest=False, seed=seed)
    return {
        "attacked_accuracy": lowest,
        "targeted_success": highest,
        "right_in_every_cell": in_every_cell(right, images, seed=seed),
        "right_in_every_control": in_every_cell(control, of_control, seed=seed),
    }


def _headline(
    accuracy: Estimate, worst: Mapping[str, Any], texts: Sequence[Mapping[str, Any]], level: float
) -> list[dict[str, Any]]:
    items = [
        ("clean_accuracy", accuracy, "share of images answered correctly without text"),
        (
            "worst_attacked_accuracy",
            worst["attacked_accuracy"].confirmed,
            "accuracy in the cell where it is lowest, chosen on other images than it is "
            "measured on",
        ),
        (
            "highest_targeted_success",
            worst["targeted_success"].confirmed,
            "success, among images correct when clean, in the cell where it is highest, chosen "
            "on other images than it is measured on",
        ),
        (
            "right_in_every_cell",
            worst["right_in_every_cell"],
            "share of images answered correctly in every cell: what is left when each image "
            "gets the cell that is worst for it",
        ),
    ]
    if texts:
        known = [text["works"] for text in texts if text["works"].defined]
        best = min(known, key=lambda e: e.value) if known else texts[0]["works"]
        if not known and len(texts) > 1:
            best = undefined(f"no way of writing has a success shown to exceed {level:g}")
        items.append(
            (
                "smallest_text_that_works",
                best,
                f"least size (share of the short side) whose targeted success is shown to exceed "
                f"{level:g}; from the least that is not shown to fail",
            )
        )
    return [{"name": n, "estimate": estimate, "meaning": m} for n, estimate, m in items]


def _rendered_sizes(table: Any, numbers: Sequence[int]) -> dict[int, dict[str, float | None]]:
    """Median line height after fitting, in pixels, and mean share of ink, of each cell."""
    cell = np.array([-1 if n is None else n for n in table["cell"].to_pylist()])
    attack = np.array(table["condition"].to_pylist(), dtype=object) == "attack"
    rendered = {}
    for number in numbers:
        rows = np.flatnonzero((cell == number) & attack)
        columns = {name: table[name].take(rows).to_pylist() for name in ("size_px", "ink")}
        rendered[number] = {
            "size_px": float(np.median(columns["size_px"])) if len(rows) else None,
            "ink": float(np.mean(columns["ink"])) if len(rows) else None,
        }
    return rendered


def _warnings(
    table: Any,
    classes: Classes,
    accuracy: Estimate,
    grid: Grid,
    left_out: Sequence[int],
) -> list[str]:
    data = columns_of(table.select(["label", "condition", "target", "word"]))
    texts = audit_warnings(data, classes, accuracy)
    partial = [cell for cell in grid.cells if left_out[cell.number]]
    if partial:
        most: Cell = max(partial, key=lambda cell: left_out[cell.number])
        texts.append(
            f"In {len(partial)} of {len(grid.cells)} cells the word did not fit on some images "
            f"(most in {most.name}: {left_out[most.number]:,} of them). Comparisons between cells "
            "use the images that all of them have."
        )
    if len(grid.cells) > 1:
        texts.append(
            f"The worst of {len(grid.cells)} cells is a maximum: its own interval ignores that it "
            "was chosen. The headline measures it on images that did not choose it."
        )
    return texts
