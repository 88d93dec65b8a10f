"""The opening of a word probe: which written words stand out in which units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.report.numbers import format_number
from clipprobe.report.words import side_of, value_of

if TYPE_CHECKING:
    from clipprobe.report import Lead

_N_ROWS = 7


def lead_of(summary: Mapping[str, Any], rows: Sequence[Sequence[Any]], n_above: int) -> Lead:
    """The verdict of a word probe.

    Args:
        rows: Unit, strongest words, value of the first, z, mean over letter strings, blank.
        n_above: Units whose strongest word stands out more than chance gives.
    """
    from clipprobe.report import Intervals, Lead
    from clipprobe.report.opening import point

    n, floor = summary["n_units"] - summary["n_constant"], summary["z_floor"]
    limits = [
        "The strongest of many words stands out by chance too: only what exceeds the level of a "
        "bell-shaped unit is worth a look, and its value is biased upwards.",
        "Words were rendered in the fonts, sizes and places of this run. A unit may respond to the "
        "shape of letters and not to the word; letter strings are the control for that.",
    ]
    if not rows or math.isnan(floor):
        verdict = f"Nothing can be said of {summary['n_units']:,} units: no word stands out in any"
        evidence = f"{summary['n_words']:,} words in {summary['n_renderings']:,} renderings each."
    else:
        clear = [row for row in rows if side_of(row[2]) > 0]
        clearest = (
            f"; clearest “{_first(clear[0])}” in {clear[0][0]}"
            if clear
            else ", but in none of the first the interval over fonts lies above 0"
        )
        verdict = (
            f"In {n_above:,} of {n:,} units one written word stands out more than it does in a "
            f"unit that responds to nothing, where half would by chance{clearest}"
        )
        median = format_number(value_of(summary["headline"][0]["estimate"]))
        evidence = (
            f"There the strongest of {summary['n_words']:,} words lies {format_number(floor)} "
            f"standard deviations above the mean on average, so about half of bell-shaped "
            f"units would exceed it; here the median over units is {median}. Control: "
            f"{summary['n_scrambled']:,} letter strings, the second series."
        )
        rows = clear or rows
    listed = rows[:_N_ROWS]
    n_words = summary["n_words"]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (_first(row), row[0], [row[2], point(row[4], summary["n_scrambled"])])
                for row in listed
            ],
            series=("strongest word", "letter strings, mean"),
            axis=f"activation less the unit's mean over {n_words:,} words; intervals over fonts",
            alt="Activation of the units whose strongest word stands out most, for that word and "
            "for letter strings",
            mark=("mean of all words", 0.0),
        ),
        limits=limits,
    )


def _first(row: Sequence[Any]) -> str:
    """The strongest word of a unit, which the value is of."""
    return str(row[1]).split(", ")[0]
