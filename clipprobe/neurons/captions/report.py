"""The report of a caption test: what the directions of units are closest to, beside chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.neurons.captions.result import ALIGNMENT, CLAIM_TEXTS, UnitCaptions
from clipprobe.report.words import chance_of
from clipprobe.statistics import census

if TYPE_CHECKING:
    from clipprobe.report import Block, Lead, Page

_N_ROWS = 8
_N_UNITS = 60
_N_CAPTIONS = 4


def summarise(units: Sequence[UnitCaptions], config: dict[str, Any]) -> dict[str, Any]:
    """``summary.json``."""
    aligned = config["claim"] == ALIGNMENT
    tops = np.array([unit.top[0].z for unit in units])
    known = tops[~np.isnan(tops)]
    chances = [unit.chance for unit in units if not math.isnan(unit.chance)]
    chance = float(np.mean(chances)) if chances else math.nan
    what = "highest z"
    estimate = census(
        float(np.median(known)) if len(known) else math.nan,
        len(known),
        "median over units",
        "a census of the units that were named, so there is no sampling to give an interval",
    )
    meaning = (
        f"median over units of the {what} of a caption, in standard deviations over captions; a "
        f"unit without meaning has {chance:.2f}"
    )
    return {
        "kind": "captions",
        "headline": [{"name": what, "estimate": estimate, "meaning": meaning}],
        "claim": config["claim"],
        "measure": units[0].measure,
        "n_units": len(units),
        "n_captions": units[0].n_captions,
        "n_blocked": config["captions"]["n_blocked"],
        "chance": chance,
        "chance_reason": "" if chances else "no chance level was computed",
        "n_significant": sum(unit.q <= 0.05 for unit in units) if aligned else None,
    }


def page_of(
    units: Sequence[UnitCaptions], config: dict[str, Any], provenance: dict[str, Any]
) -> Page:
    """The report."""
    from clipprobe.report import Numbers, Page, Paragraph, Section, Table

    summary = summarise(units, config)
    first = units[0]
    aligned = first.claim == ALIGNMENT
    shown = sorted(units, key=lambda unit: -np.nan_to_num(unit.top[0].z, nan=-math.inf))
    shown = shown[:_N_UNITS]
    rows = [
        [
            unit.name,
            "; ".join(one.caption for one in unit.top[:_N_CAPTIONS]),
            unit.top[0].score,
            unit.top[0].z,
            unit.chance,
            unit.p if aligned else None,
            unit.q if aligned else None,
            unit.mean,
            unit.agreement if aligned else None,
            unit.reason,
        ]
        for unit in shown
    ]
    columns = ["unit", "captions", "score", "z", "chance", "p", "q", "mean", "agreement", "note"]
    caption = (
        f"The {len(rows)} units whose first caption stands out most. Score: {first.measure}. "
        + (
            "Chance: the highest z for a random mixture of the captions, on average, and p against "
            f"{first.n_random} of them; q is Benjamini-Hochberg's over {len(units)} units. Mean: "
            "cosine of the direction with the mean caption, which was "
            f"{'' if first.mean_subtracted else 'not '}subtracted. Agreement: smallest cosine "
            "between the direction at one reference image and their mean."
            if aligned
            else "Chance: the highest z of a bell-shaped unit."
        )
    )
    numbers: list[tuple[str, Any, str]] = [
        ("captions", first.n_captions, f"{summary['n_blocked']} left out by the filter"),
        ("units", len(units), "that were named"),
        (summary["headline"][0]["name"], summary["headline"][0]["estimate"], "median over units"),
        ("by chance", summary["chance"], "see the table's caption"),
    ]
    blocks: list[Block] = [Paragraph(f"This result {CLAIM_TEXTS[first.claim]}."), Numbers(numbers)]
    if aligned:
        blocks.insert(1, Paragraph(f"Directions are linearised at {first.linearised_at}."))
    return Page(
        title="Captions of units" if aligned else "Prompts of text units",
        subtitle=f"{len(units)} units of {config['model']['id']}",
        sections=[
            Section("What was asked", blocks),
            Section("Units", [Table(columns, rows, caption)]),
        ],
        provenance={
            **{key: value for key, value in config.items() if key != "units"},
            "versions": provenance["versions"],
        },
        lead=lead_of(shown, summary),
    )


def lead_of(units: Sequence[UnitCaptions], summary: Mapping[str, Any]) -> Lead:
    """The verdict of a caption test.

    Args:
        units: The units, the one whose first caption stands out most first.
    """
    from clipprobe.report import Intervals, Lead
    from clipprobe.report.opening import point

    first, n = units[0], summary["n_captions"]
    rows = (
        [(one.top[0].caption, one.unit, one.top[0].z) for one in units[:_N_ROWS]]
        if len(units) > 1
        else [(one.caption, "", one.z) for one in first.top[:_N_ROWS]]
    )
    verdict, evidence = _statement(units, summary)
    chance = summary["chance"]
    known = chance is not None and not math.isnan(chance)
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[(name, note, [point(z, n)]) for name, note, z in rows],
            axis=f"how far a caption stands above the mean of {n:,}, in standard deviations",
            alt="How far the first captions stand above the mean of all captions",
            mark=("highest by chance", chance) if known else None,
        ),
        limits=[
            f"This result {CLAIM_TEXTS[first.claim]}.",
            "A caption is the best of this list, not a description that was found without it: "
            "what the list lacks cannot come out.",
            "No interval is given: the captions are a fixed list, and the direction of a unit is "
            "read from the weights.",
        ],
    )


def _statement(units: Sequence[UnitCaptions], summary: Mapping[str, Any]) -> tuple[str, str]:
    first, n = units[0], summary["n_units"]
    best, n_significant = first.top[0].caption, summary["n_significant"]
    if n_significant is None:
        return (
            f"The prompt that drives {first.name} most is “{best}”"
            + (f"; {n:,} units were asked" if n > 1 else ""),
            f"Of {summary['n_captions']:,} prompts it stands {first.top[0].z:.1f} standard "
            f"deviations above the mean; a bell-shaped unit reaches {first.chance:.1f}. The text "
            "tower has no test against random directions.",
        )
    evidence = (
        f"Of {summary['n_captions']:,} captions it stands {first.top[0].z:.1f} standard deviations "
        f"above the mean; the first caption of a random direction stands {first.chance:.1f} above "
        f"({first.n_random:,} random directions, {chance_of(first.p)})."
    )
    if n == 1:
        told_words = (
            "closer than chance gives"
            if n_significant
            else "not shown to be closer than chance gives"
        )
        return f"{first.name} writes what is closest to “{best}”, {told_words}", evidence
    if not n_significant:
        return (
            f"None of {n:,} units is shown to be closer to a caption than random directions are",
            evidence,
        )
    return (
        f"{n_significant:,} of {n:,} units are closer to a caption than random directions are, "
        f"first {first.name}: “{best}”",
        evidence,
    )
