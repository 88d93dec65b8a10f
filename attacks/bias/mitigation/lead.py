"""The opening of mitigations: what each takes away, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.arrays import missing
from clipprobe.report import Intervals, Lead
from clipprobe.report.words import (
    amount,
    is_defined,
    parts_of,
    points,
    reason_of,
    side_of,
    value_of,
)


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of a mitigation run, from its summary."""
    methods = summary["methods"]
    verdict, evidence = _statement(summary)
    rows = [
        (one["method"], "", [one["changes"][0]["before"], one["changes"][0]["after"]])
        for one in methods
    ]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=rows,
            series=("before", "after"),
            axis=f"aligned d by {summary['column']}, on images that fitted nothing",
            alt="Association before and after each mitigation, with 95 % intervals",
            mark=("no association", 0.0),
        ),
    )


def _statement(summary: Mapping[str, Any]) -> tuple[str, str]:
    column, n = summary["column"], summary["n"]
    known = [
        one
        for one in summary["methods"]
        if not any(map(missing, parts_of(one["changes"][0]["difference"])[:3]))
    ]  # without an interval nothing is shown, nor that nothing helps
    about = f"Scored on {n['scored']:,} of {n['pictures']:,} images, which fitted nothing."
    if not known:
        why = (
            reason_of(summary["methods"][0]["changes"][0]["difference"])
            if summary["methods"]
            else "no method could be made"
        )
        return f"Whether a mitigation helps by {column} cannot be said: {why}", about
    smaller = [one for one in known if side_of(one["changes"][0]["difference"]) < 0]
    best = min(smaller or known, key=lambda one: abs(value_of(one["changes"][0]["after"])))
    change = best["changes"][0]
    evidence = (
        f"{best['method'].capitalize()}: aligned d {amount(change['before'])} before, "
        f"{amount(change['after'])} after. {about} {_cost(best)}"
    )
    if side_of(change["difference"]) >= 0:
        return f"No mitigation is shown to lessen the association with {column}", evidence
    gone = 1 - value_of(change["after"]) / value_of(change["before"])
    turned = gone > 1 and side_of(change["after"]) < 0
    gone = min(1.0, gone)
    if value_of(change["before"]) <= 0 or gone <= 0:
        return f"{best['method'].capitalize()} changes the association with {column}", evidence
    return (
        f"{best['method'].capitalize()} takes {round(100 * gone)} % of the association of "
        f"{len(summary['words'])} words with {column} away"
        + (", and turns some of it round" if turned else ""),
        evidence,
    )


def _cost(one: Mapping[str, Any]) -> str:
    cost = next((c for c in one["changes"] if c["measure"] == "zero-shot accuracy"), None)
    if cost is None or not is_defined(cost["difference"]):
        return "What it costs in zero-shot accuracy was not measured: that needs labelled images."
    return f"Its cost in zero-shot accuracy: {points(cost['difference'])}."
