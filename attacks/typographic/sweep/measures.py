"""From the rows of a sweep to estimates: of every cell, and along the curve of every factor.

The clean images are encoded once and stand beside every cell; image and word pair a cell's
attack with its controls, with the clean image, and with the other cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.report.summary import columns_of, written_outcomes
from attacks.typographic.scoring.metrics import Outcomes, condition_rates, effects, paired
from attacks.typographic.sweep.settings import CONTROL
from clipprobe.statistics import Estimate, undefined

Conditions = Mapping[str, Outcomes]
Floats = npt.NDArray[np.float64]

#: What is measured at every cell, and what it means.
MEASURES = {
    "attacked_accuracy": "share answered correctly with the attack word",
    "targeted_success": "share, among those correct when clean, whose answer is the attack word",
    "untargeted_success": "share, among those correct when clean, whose answer is wrong",
    "control_accuracy": "share answered correctly with a nonsense word in its place",
    "control_success": "share, among those correct when clean, answered with the attack word "
    "though a nonsense word stands there",
    "reading_effect": "share answered with the attack word, minus the share answered so when a "
    "nonsense word stands there",
    "accuracy_lost_to_reading": "accuracy with a nonsense word minus accuracy with the attack word",
}


def by_cell(table: Any, numbers: Sequence[int]) -> tuple[Outcomes, dict[int, Conditions]]:
    """The clean outcomes, and those of each cell by condition.

    Args:
        table: ``results.parquet``: a ``cell`` number, null for the clean rows, then the columns of
            an audit.
        numbers: Of all cells; one that wrote on no image has no conditions.
    """
    data = columns_of(table)
    cell = np.array([-1 if number is None else number for number in data.pop("cell")])

    def part(number: int) -> Conditions:
        rows = np.flatnonzero(cell == number)
        return written_outcomes({name: values[rows] for name, values in data.items()})

    return part(-1)["clean"], {number: part(number) for number in numbers}


def pooled(parts: Sequence[tuple[int, Outcomes]]) -> Outcomes:
    """Outcomes of several cells together; an image stays one cluster."""
    if len(parts) == 1:
        return parts[0][1]
    names = [np.char.add(f"{number}\x1f", part.pair) for number, part in parts]
    fields = ("cluster", "correct", "hit", "has_target", "margin")
    joined = {name: np.concatenate([getattr(part, name) for _, part in parts]) for name in fields}
    return Outcomes(pair=np.concatenate(names), **joined)


def measure(cells: Mapping[int, Conditions], clean: Outcomes, *, seed: int) -> dict[str, Estimate]:
    """Every measure of some cells together, and of each further control that was drawn.

    Args:
        cells: Conditions by the number of the cell.
        clean: Of every image and word.
    """
    filled = {number: cell for number, cell in cells.items() if "attack" in cell}
    if not filled:
        nothing = undefined("the word could be written on no image")
        return dict.fromkeys(MEASURES, nothing)
    names = [name for name in next(iter(filled.values())) if name != "clean"]
    conditions = {
        name: pooled([(number, cell[name]) for number, cell in filled.items() if name in cell])
        for name in names
    }
    before = pooled([(number, clean) for number in filled])
    rates = {
        name: condition_rates(outcomes, before, seed=seed) for name, outcomes in conditions.items()
    }
    pair = {name: conditions[name] for name in ("attack", CONTROL) if name in conditions}
    differences = effects(pair, seed=seed)
    missing = undefined("no word of this sweep has a nonsense word as its control")
    attack, control = rates["attack"], rates.get(CONTROL)
    cell = {
        "attacked_accuracy": attack["accuracy"]["all"],
        "targeted_success": attack["targeted_success"]["clean_right"],
        "untargeted_success": attack["untargeted_success"]["clean_right"],
        "control_accuracy": control["accuracy"]["all"] if control else missing,
        "control_success": control["targeted_success"]["clean_right"] if control else missing,
    }
    for name in ("reading_effect", "accuracy_lost_to_reading"):
        cell[name] = differences[name]["estimate"] if name in differences else missing
    for name in names:
        if name not in ("attack", CONTROL):
            cell[f"{name}_accuracy"] = rates[name]["accuracy"]["all"]
            cell[f"{name}_success"] = rates[name]["targeted_success"]["clean_right"]
    return cell


def matrix(
    cells: Mapping[int, Conditions],
    numbers: Sequence[int],
    clean: Outcomes,
    *,
    outcome: str,
    condition: str = "attack",
) -> tuple[Floats, npt.NDArray[np.str_]]:
    """An outcome of every image and word in every cell, ``(n, k)``, and the images' names.

    Args:
        numbers: The cells of the ``k`` columns.
        outcome: ``correct`` of all rows, or ``hit`` of those with a target that were correct when
            clean. NaN where a cell has no such row.
    """
    places = clean
    if outcome == "hit":
        places = clean.take(np.flatnonzero(clean.correct & clean.has_target))
    places = places.take(np.argsort(places.pair, kind="stable"))
    values = np.full((len(places.pair), len(numbers)), np.nan)
    for column, number in enumerate(numbers):
        figures = cells[number].get(condition)
        if figures is not None and len(figures.pair):
            here, there = paired(places, figures)
            rows = np.searchsorted(places.pair, here.pair)
            values[rows, column] = getattr(there, outcome)
    return values, places.cluster


def level_means(values: Floats, columns: Sequence[Sequence[int]]) -> Floats:
    """Columns averaged in groups: one group of cells for each level, ``(n, n_levels)``."""
    return np.stack([values[:, list(group)].mean(axis=1) for group in columns], axis=1)
