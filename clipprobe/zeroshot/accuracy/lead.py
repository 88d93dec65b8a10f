"""The opening of a zero-shot audit: how often it is right, beside guessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.report import Lead
from clipprobe.report.opening import side_by_side
from clipprobe.report.words import counted, is_defined, percent, reason_of, share, side_of


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of a zero-shot audit, from its summary."""
    items = {item["name"]: item for item in summary["headline"]}
    right, n = items["zero_shot"]["estimate"], summary["n"]
    guessing = 1 / max(1, n["classes"])
    if not is_defined(right):
        verdict = f"How often it is right cannot be said: {reason_of(right)}"
    elif side_of(right, guessing) > 0:
        verdict = (
            f"The best of {n['classes']:,} texts is the right one for {counted(right)} images "
            f"({percent(right)})"
        )
    else:
        verdict = (
            f"It is not shown to do better than guessing among {n['classes']:,} texts "
            f"({counted(right)} images right)"
        )
    shares = [item for item in summary["headline"] if item["name"] != "calibration_error"]
    evidence = f"{share(right)}; guessing gives {100 * guessing:.2g} %."
    error, floor = items.get("calibration_error"), summary["calibration"]["floor"]
    if error is not None and is_defined(error["estimate"]) and floor is not None:
        evidence += (
            f" Its own shares miss the rate of right answers by {share(error['estimate'])} on "
            f"average; those of a perfect model would by {100 * floor:.0f} % on so few images."
        )
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=side_by_side(
            shares,
            axis="share of the images, with 95 % intervals",
            mark=("guessing", guessing),
        ),
    )
