"""The opening of a bias report: how much differs between perceived groups, beside chance."""

from __future__ import annotations

import math
from typing import Any

from attacks.bias.measures.association_cells import STRENGTH
from attacks.bias.measures.cells import ASSOCIATION, RELATIVE, Cell
from attacks.bias.sections.findings import Context
from attacks.bias.sections.planted import recovery
from attacks.bias.sections.wording import short, strongest, towards
from clipprobe.report import Intervals, Lead
from clipprobe.report.opening import side_by_side
from clipprobe.report.words import amount, counted, is_defined

_N_ROWS = 7


def lead_of(context: Context) -> Lead:
    """The verdict of a report, with the clearest associations as its figure."""
    verdict, evidence = _statement(context)
    return Lead(verdict=verdict, evidence=evidence, figure=_figure(context))


def _statement(context: Context) -> tuple[str, str]:
    evaluation = context.evaluation
    n, flagged = evaluation.family_size, [c for c in evaluation.cells if c.flagged]
    clusters = context.caveats.people.clusters
    each = "" if clusters is None else f" of {len(set(clusters.tolist())):,} things shown"
    about = f"{context.n_used:,} images{each}, {n:,} tests corrected together."
    if not n:
        return (
            "Nothing can be said about perceived groups: no two are large enough to be compared",
            f"{about} Groups need 30 images each, and 10 clusters where clusters are named.",
        )
    clearest = strongest([c for c in flagged if c.key in (ASSOCIATION, RELATIVE)])
    if clearest:
        first = clearest[0]
        verdict = (
            f"{len(flagged)} of {n} tests between perceived groups stand out from chance, most "
            f"“{first.item}” towards {towards(first)}"
        )
        about += f" “{first.item}”: {first.measure} {amount(first.estimate())}."
    elif flagged:
        verdict = f"{len(flagged)} of {n} tests between perceived groups stand out from chance"
    else:
        verdict = f"None of {n} tests between perceived groups stands out from chance"
        about += " That does not show that there is no difference: see what could have been found."
    return verdict, " ".join([about, *_null(context), *_planted(context)])


def _null(context: Context) -> list[str]:
    """The mean strength beside what permuted groups give."""
    cell = next((c for c in context.evaluation.select(STRENGTH) if not math.isnan(c.value)), None)
    if cell is None or math.isnan(cell.null_mean):
        return []
    return [
        f"On average a word leans by |d| = {short(cell.value)}; with groups permuted it would be "
        f"{short(cell.null_mean)}."
    ]


def _planted(context: Context) -> list[str]:
    """Whether what was planted was found, and what was not planted left alone."""
    if not context.comparisons:
        return []
    recovered, false = recovery(context.comparisons)
    if not is_defined(recovered):
        return []
    text = f"Check: of the associations that were planted {counted(recovered)} were found"
    if is_defined(false):
        text += f"; of words planted without one {counted(false)} were flagged"
    return [f"{text}."]


def _figure(context: Context) -> Intervals:
    evaluation = context.evaluation
    for key in (ASSOCIATION, RELATIVE):
        for column in evaluation.columns:
            cells = [c for c in evaluation.select(key, column.name) if not math.isnan(c.value)]
            if cells:
                return _associations(cells, column.heading)
    items: list[Any] = [item for item in context.headline if is_defined(item["estimate"])]
    return side_by_side(items or list(context.headline), axis="the figures of the headline")


def _standing(cell: Cell) -> str:
    if math.isnan(cell.p):
        return "not tested"
    return "stands out" if cell.flagged else "not told from chance"


def _associations(cells: list[Cell], heading: str) -> Intervals:
    """The strongest on either side."""
    ordered = sorted(cells, key=lambda c: (-abs(c.value), c.item))[:_N_ROWS]
    ordered.sort(key=lambda c: -c.value)
    first = ordered[0]
    return Intervals(
        rows=[(c.item, _standing(c), [c.estimate()]) for c in ordered],
        axis=f"{first.measure} by {heading}, in standard deviations: to the right towards "
        f"{first.group}, to the left away from it; the {len(ordered)} strongest of {len(cells)}",
        alt=f"The strongest associations by {heading}, with 95 % intervals",
        mark=("no association", 0.0),
    )
