"""The report of a word probe: the units whose strongest word stands out most, with controls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.neurons.words.lead import lead_of
from clipprobe.neurons.words.result import CLAIM, CLAIM_TEXT
from clipprobe.statistics import Estimate, census

if TYPE_CHECKING:
    from clipprobe.neurons.words.result import WordProbe
    from clipprobe.report import Page
    from clipprobe.runs import Run

_N_UNITS = 60
_N_WORDS = 5
_N_LEFT_OUT = 30


def summarise(probe: WordProbe, highest: Sequence[float]) -> dict[str, Any]:
    """``summary.json``: what an overview shows.

    Args:
        highest: The highest z of each unit, NaN for constant ones.
    """
    scores = np.asarray(highest, np.float64)
    known = scores[~np.isnan(scores)]
    floor = probe.z_floor
    meaning = (
        "median over units of how far the strongest word stands above the mean of all words, in "
        f"standard deviations; a unit that responds to nothing in particular has {floor:.2f}"
    )
    estimate = census(
        float(np.median(known)) if len(known) else math.nan,
        len(known),
        "median over units",
        "" if len(known) else "every unit gives every word the same value",
    )
    return {
        "kind": "words",
        "headline": [{"name": "strongest word, z", "estimate": estimate, "meaning": meaning}],
        "claim": CLAIM,
        "pool": probe.pool,
        "mean_removed": "the unit's mean over all words",
        "n_units": len(scores),
        "n_constant": len(scores) - len(known),
        "n_words": len(probe.words),
        "n_left_out": len(probe.left_out),
        "n_blocked": probe.config["words"]["n_blocked"],
        "n_shrunk": int(np.count_nonzero(probe.n_shrunk)),
        "n_renderings": probe.n_renderings,
        "n_scrambled": probe.n_scrambled,
        "z_floor": floor,
        "z_floor_reason": "" if len(probe.words) > 1 else "one word has no spread",
    }


def page_of(probe: WordProbe, summary: dict[str, Any], run: Run) -> Page:
    """The report.

    Args:
        run: With ``topwords.parquet`` and ``units.parquet``.
    """
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table, Warning

    numbers: list[tuple[str, Any, str]] = [
        ("words", summary["n_words"], f"{summary['n_blocked']} left out as slurs or sexual words"),
        ("could not be drawn", summary["n_left_out"], "the reasons are below"),
        ("images of each word", summary["n_renderings"], _grid_text(probe)),
        ("drawn smaller to fit", summary["n_shrunk"], "words, in at least one of their images"),
        ("letter strings", summary["n_scrambled"], "no words, as a control"),
        ("units", summary["n_units"], f"{summary['n_constant']} give every word the same value"),
        ("strongest word, median z", summary["headline"][0]["estimate"], "over units"),
        ("z of a bell-shaped unit", probe.z_floor, "for its strongest word, by chance"),
    ]
    rows, n_above = _rows(probe, run)
    caption = (
        f"The {len(rows)} units whose strongest word stands out most. Values are pooled "
        "activations less the unit's mean over all words, with the 95 % interval over fonts; z is "
        "in standard deviations over words. Scrambled: mean over the letter strings, on the same "
        "scale. The word was picked because it is the largest, so its value is biased upwards."
    )
    columns = ["unit", "strongest words", "value of the first", "z", "scrambled", "blank"]
    how = Paragraph(
        "Each word is drawn in every font, size and place. A unit's value for a word is the mean "
        "over sizes and fonts, then the maximum over places; its mean over all words is removed."
    )
    claim = Paragraph(f"This result {CLAIM_TEXT}.")
    sections = [
        Section("What was asked", [claim, how, Numbers(numbers)]),
        Section("Units", [Table(columns, rows, caption)]),
    ]
    if probe.left_out:
        examples = [list(one) for one in probe.left_out[:_N_LEFT_OUT]]
        warning = Warning(f"{len(probe.left_out)} words could not be drawn.")
        caption = f"The first {len(examples)} words that could not be drawn, and why."
        table = Table(["word", "reason"], examples, caption)
        sections.append(Section("Left out", [warning, table]))
    model = probe.config["model"]["id"]
    return Page(
        title="Rendered words",
        subtitle=f"{summary['n_words']} words shown as images to {model}, pooled by {probe.pool}",
        sections=sections,
        provenance={**probe.config, "sites": list(probe.sites), "versions": probe.versions},
        lead=lead_of(summary, rows, n_above),
    )


def _rows(probe: WordProbe, run: Run) -> tuple[list[list[Any]], int]:
    """The units whose strongest word stands out most; how many stand out more than by chance."""
    import pyarrow.compute as pc

    units, table = run.read_table("units.parquet"), run.read_table("topwords.parquet")
    tops = table.filter(pc.equal(table.column("end").cast("string"), "top"))
    k = len(tops) // len(units)  # words of each unit, unit after unit
    scores = np.nan_to_num(tops.column("z").to_numpy()[::k], nan=-np.inf)
    rows: list[list[Any]] = []
    for i in np.argsort(-scores, kind="stable")[:_N_UNITS].tolist():
        if not np.isfinite(scores[i]):
            break
        words = tops.slice(i * k, min(k, _N_WORDS)).to_pylist()
        (unit,) = units.slice(i, 1).to_pylist()
        value = Estimate(
            value=words[0]["centred"],
            low=words[0]["low"],
            high=words[0]["high"],
            n=probe.n_renderings,
            method="Student's t over fonts, 95 %",
            reason="one font, so no interval" if probe.n_fonts < 2 else "",
        )
        listed = ", ".join(one["word"] for one in words)
        controls = [unit[name] - unit["mean"] for name in ("scrambled_mean", "blank")]
        rows.append([f"{unit['site']}:{unit['unit']}", listed, value, words[0]["z"], *controls])
    return rows, int(np.count_nonzero(scores > probe.z_floor))


def _grid_text(probe: WordProbe) -> str:
    grid = probe.config["grid"]
    return f"{len(grid['fonts'])} fonts, {len(grid['sizes'])} sizes, {len(grid['places'])} places"
