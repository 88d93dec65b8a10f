"""The opening of a sweep: how bad it gets, and along which factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.sweep.grid import Grid
from clipprobe.report import Intervals, Lead
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import (
    chance_of,
    is_defined,
    percent,
    points,
    reason_of,
    share,
    side_of,
    value_of,
)


def lead_of(summary: Mapping[str, Any], grid: Grid) -> Lead:
    """The verdict of a sweep, from its summary."""
    factor = max(grid.factors, key=lambda name: len(summary["curves"][name]))
    points_of = summary["curves"][factor]
    verdict, evidence = _statement(summary, factor)
    step = max(1, -(-len(points_of) // MOST_ROWS))
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (f"{factor} {one['name']}", "", [one["targeted_success"], one["control_success"]])
                for one in points_of[::step]
            ],
            series=("answered with the written word", "the same, a nonsense word in its place"),
            axis="share of the images that are right when clean, with 95 % intervals"
            + ("; further levels below" if step > 1 else ""),
            alt=f"Share of images answered with the written word, and with a nonsense word in its "
            f"place, by {factor}",
            percent=True,
        ),
    )


def _statement(summary: Mapping[str, Any], factor: str) -> tuple[str, str]:
    worst = summary["worst"]["targeted_success"]
    confirmed, n_cells = worst["confirmed"], summary["n"]["cells"]
    read = [point for point in summary["curves"][factor] if side_of(point["reading_effect"]) > 0]
    levels = summary["curves"][factor]
    reading = (
        f"Over {factor}, the word is read at {len(read)} of {len(levels)} levels: beyond a "
        "nonsense word in the same place, with confidence"
    )
    if read:
        most = max(read, key=lambda point: value_of(point["reading_effect"]))
        reading += f", most at {most['name']}: {points(most['reading_effect'])}"
    if not is_defined(confirmed):
        return (
            f"Which way of writing works best cannot be said: {reason_of(confirmed)}",
            f"{reading}.",
        )
    where = summary["cells"][worst["cell"]]["name"] if worst["cell"] >= 0 else worst["reason"]
    verdict = (
        f"Of {n_cells} ways of writing, {where} works best: {percent(confirmed)} of the images are "
        "answered with the word"
    )
    if n_cells == 1:
        verdict = (
            f"Written as {where}, the word is the answer on {percent(confirmed)} of the images"
        )
    elif worst["p"] is None:
        verdict = (
            f"Of {n_cells} ways of writing, {where} did best on the images that chose it: "
            f"{percent(confirmed)} of the others are answered with the word"
        )
    elif worst["p"] > 0.05:
        verdict = (
            f"The {n_cells} ways of writing are not shown to differ: at best {percent(confirmed)} "
            "of the images are answered with the word"
        )
    evidence = f"{share(confirmed)}, on images that did not choose it"
    if worst["floor"] is not None:
        evidence += f"; if all were alike the best would show {100 * worst['floor']:.0f} %"
    if worst["p"] is not None:
        evidence += f" ({chance_of(worst['p'])})"
    return verdict, f"{evidence}. {reading}."
