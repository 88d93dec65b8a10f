"""The opening of an explanation of reading: which heads carry it, beside random ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.reading.measure import head_name
from clipprobe.report import Intervals, Lead
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import percent, points, side_of


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of an explanation, from its summary."""
    heads = summary["heads"]
    confirmed = [row for row in heads if row["confirmed"]]
    random = summary["random"]["heads"]
    verdict, evidence = _statement(summary, confirmed)
    band = {
        "value": random["mean"], "low": random["low"], "high": random["high"], "n": random["n"],
    }  # fmt: skip
    listed = (confirmed + [row for row in heads if not row["confirmed"]])[: MOST_ROWS - 1]
    rows = [
        (row["head"], "confirmed" if row["confirmed"] else "not confirmed", [row["reading"]])
        for row in listed
    ]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[*rows, ("random heads", "middle 95 % of them", [band])],
            axis="reading through the head, in logits: its effect with the word less that with a "
            "nonsense word",
            alt="Causal effect of the heads that read most, beside heads at random",
            mark=("no effect", 0.0),
        ),
    )


def _statement(summary: Mapping[str, Any], confirmed: list[Mapping[str, Any]]) -> tuple[str, str]:
    headline = {item["name"]: item["estimate"] for item in summary["headline"]}
    n, effect = summary["n"], headline["reading_effect"]
    checked = (
        f"The word is answered on {percent(headline['success'])} of the images, beyond a nonsense "
        f"word {points(effect)}. Heads were chosen on {n['choose']:,} attacked images and checked "
        f"on {n['confirm']:,} others, beside random heads."
    )
    if side_of(effect) <= 0:
        return "There is little to explain: the model is not shown to read these words", checked
    if not confirmed:
        return (
            f"It reads, and none of the {len(summary['heads'])} heads tried is confirmed to carry "
            "it alone",
            checked,
        )
    names = ", ".join(row["head"] for row in confirmed[:3])
    more = f" and {len(confirmed) - 3} more" if len(confirmed) > 3 else ""
    return (
        f"{len(confirmed)} of {n['heads']:,} heads are confirmed to read: {names}{more}"
        + _removed(summary),
        checked,
    )


def _removed(summary: Mapping[str, Any]) -> str:
    """What the greedy selection leaves of reading on the other half."""
    greedy = summary["greedy"]
    if not greedy["heads"] or greedy["before"]["success"]["value"] is None:
        return ""
    before, after = greedy["before"]["success"], greedy["after"]["success"]
    names = [head_name(*head) for head in greedy["heads"]]
    gone = names[0] if len(names) == 1 else f"{len(names)} heads"
    return f"; without {gone} {percent(before)} becomes {percent(after)}"
