"""The opening of the audit of attribution methods: which one to believe, beside nulls."""

from __future__ import annotations

from collections.abc import Sequence

from clipprobe.attribution.faithfulness.result import Faithfulness, Row
from clipprobe.attribution.registry import NULLS
from clipprobe.report import Intervals, Lead
from clipprobe.report.words import amount, is_defined, side_of, value_of

_N_ROWS = 8


def lead_of(result: Faithfulness, metric: str, question: str) -> Lead:
    """The verdict of an audit.

    Args:
        metric: The figure that leads; empty where none can be printed.
        question: What it asks, in words.
    """
    n_objects = max(row.n_objects for row in result.measures)
    rows = [
        row
        for row in result.rows
        if row.n_objects == n_objects and row.metric == metric and is_defined(row.estimate)
    ]
    rows.sort(key=lambda row: (-row.low, row.method, row.centred))
    methods = [row for row in rows if row.method not in NULLS]
    null = next((row for row in rows if row.method == "random"), None)
    verdict, evidence = _statement(
        methods, null, metric, question, int(result.provenance["n_cases"])
    )
    listed = methods[: _N_ROWS - 1] + ([null] if null is not None else [])
    known = [r for r in result.measures if r.n_objects == n_objects and is_defined(r.estimate)]
    leading = metric or (known[0].metric if known else "")
    truth = [row for row in known if row.metric == leading]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[(_named(row), "", [row.estimate]) for row in listed]
            or [(row.method, "made from the truth", [row.estimate]) for row in truth[:_N_ROWS]],
            axis=f"{metric}: {question}"
            if metric
            else f"{leading}, of explanations made from the truth: they do not stand in order",
            alt="The leading figure of each method, with its interval",
            mark=None if null is None else ("a random map", value_of(null.estimate)),
        ),
    )


def _statement(
    methods: Sequence[Row], null: Row | None, metric: str, question: str, n_cases: int
) -> tuple[str, str]:
    if not methods:
        return (
            "Which explanation to believe cannot be said on these cases",
            f"On {n_cases:,} targets no figure ranks the explanations that were made from the "
            "truth, so none is printed.",
        )
    best = methods[0]
    beside = (
        "There is no random map to compare with."
        if null is None
        else f"A random map: {amount(null.estimate)}."
    )
    evidence = f"{_named(best)}, {metric} ({question}): {amount(best.estimate)}. {beside}"
    if null is not None and side_of(best.estimate, value_of(null.estimate)) <= 0:
        return "No method is shown to point better than a random map", evidence
    if null is None:
        return f"{_named(best)} scores highest, with no random map to compare with", evidence
    rivals = [row for row in methods[1:] if row.estimate.high > best.estimate.low]
    if rivals:
        return (
            f"Believe {_named(best)} first; {len(rivals)} of {len(methods) - 1} others may be as "
            "good",
            evidence,
        )
    return f"Believe {_named(best)}: none of {len(methods) - 1} others reaches it", evidence


def _named(row: Row) -> str:
    return f"{row.method}, less the mean text" if row.centred else row.method
