"""The opening of a few-shot audit: from how many labelled images on fitting pays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.report import Intervals, Lead
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import share, side_of


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of a few-shot audit, from its summary; of its first set."""
    one = summary["sets"][0]
    methods = list(one["curves"])[:2]
    verdict, evidence = _statement(one, methods)
    step = max(1, -(-len(one["shots"]) // MOST_ROWS))
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (_shots(shots), "", [one["curves"][method][i] for method in methods])
                for i, shots in list(enumerate(one["shots"]))[::step]
            ],
            series=methods,
            axis=f"accuracy among {one['n_classes']:,} classes on test images, with 95 % intervals",
            alt="Accuracy over labelled images of each class, beside zero-shot",
            mark=("zero-shot", one["zero_shot"]["value"])
            if one["zero_shot"]["value"] is not None
            else None,
            percent=True,
        ),
    )


def _statement(one: Mapping[str, Any], methods: list[str]) -> tuple[str, str]:
    first_better: dict[str, str] = {}
    for method in methods:
        for shots, change in zip(one["shots"], one["differences"][method], strict=True):
            if side_of(change) > 0:
                first_better.setdefault(method, shots)
    last = one["shots"][-1]
    ends = "; ".join(
        f"{method} with {_shots(last)}: {share(one['curves'][method][-1])}" for method in methods
    )
    evidence = f"Zero-shot, without a labelled image: {share(one['zero_shot'])}. {ends}."
    if not first_better:
        return (
            f"Up to {_shots(last)} of each class, fitting is not shown to beat zero-shot",
            evidence,
        )
    method, shots = min(first_better.items(), key=lambda item: one["shots"].index(item[1]))
    return f"With {_shots(shots)} of each class, fitting ({method}) beats zero-shot", evidence


def _shots(shots: str) -> str:
    if not shots.isdigit():
        return f"{shots} labelled images"
    return f"{shots} labelled image{'' if shots == '1' else 's'}"
