"""The opening of a caption test: what the directions of units are closest to, beside chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.neurons.captions.result import CLAIM_TEXTS, UnitCaptions
from clipprobe.report.words import chance_of

if TYPE_CHECKING:
    from clipprobe.report import Lead

_N_ROWS = 8


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
