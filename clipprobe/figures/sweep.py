"""Charts of a sweep, from the plain numbers of its ``summary.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars, heatmap
from clipprobe.figures.theme import PALETTE, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Measures of a security curve, and what a reader sees instead of their names.
CURVES = {
    "attacked_accuracy": "answers the true class, attack word",
    "control_accuracy": "answers the true class, nonsense word",
    "targeted_success": "answers the attack word, attack word written",
    "control_success": "answers the attack word, nonsense word written",
    "reading_effect": "reading effect (attack minus nonsense)",
}
_SYMBOLS = ("circle", "square", "diamond", "x", "triangle-up")


def security_curve(points: Sequence[Mapping[str, Any]], factor: str, *, ordered: bool) -> go.Figure:
    """Shares with their intervals over the levels of one factor.

    Args:
        points: ``summary["curves"][factor]``, in JSON form.
        factor: Its name, for the axis.
        ordered: Whether levels are numbers: then they stand at their values, joined by lines.
    """
    figure = chart(height=440)
    names = [label(point["name"]) for point in points]
    for i, (measure, name) in enumerate(CURVES.items()):
        values = [point[measure] for point in points]
        if all(estimate["value"] is None for estimate in values):
            continue
        # A little to the side of each other, or intervals would hide one another.
        aside = (i - 2) * 0.06
        places: list[Any] = [j + aside for j in range(len(points))]
        if ordered:
            levels = [float(point["level"]) for point in points]
            width = min((b - a for a, b in pairwise(levels)), default=1.0)
            places = [level + aside * width for level in levels]
        figure.add_scatter(
            x=places,
            y=[estimate["value"] for estimate in values],
            error_y=error_bars(values, thickness=1.5, width=4),
            mode="lines+markers" if ordered else "markers",
            name=label(name),
            marker={"symbol": _SYMBOLS[i], "size": 8, "color": PALETTE[i]},
            line={"color": PALETTE[i], "dash": "dot" if "control" in measure else "solid"},
            customdata=[f"{names[j]}: {_reading(estimate)}" for j, estimate in enumerate(values)],
            hovertemplate="%{customdata}<extra></extra>",
        )
    ticks = [float(p["level"]) for p in points] if ordered else list(range(len(points)))
    figure.update_xaxes(title_text=label(factor), tickvals=ticks, ticktext=names)
    figure.update_yaxes(title_text="share of images", range=[-0.35, 1.03])
    return figure


def cell_map(
    cells: Sequence[Mapping[str, Any]],
    factors: Mapping[str, Sequence[Any]],
    names: Sequence[Sequence[str]],
    measure: str,
) -> go.Figure:
    """One measure over all cells of two factors: the first down, the second across.

    Args:
        cells: ``summary["cells"]`` of a factorial design, in JSON form.
        factors: The two factors with their levels.
        names: Names of the levels of both.
        measure: Which estimate is shown.
    """
    (down, rows), (across, columns) = factors.items()
    grid = [[math.nan] * len(columns) for _ in rows]
    for cell in cells:
        value = cell[measure]["value"]
        place = rows.index(cell["levels"][down]), columns.index(cell["levels"][across])
        grid[place[0]][place[1]] = math.nan if value is None else value
    figure = heatmap(
        grid,
        rows=[f"{down} {name}" for name in names[0]],
        columns=[f"{across} {name}" for name in names[1]],
        title=CURVES[measure],
        unit="share",
        diverging=measure == "reading_effect",
        height=140 + 34 * max(4, len(rows)),
    )
    if measure != "reading_effect":
        figure.data[0].update(zmin=0.0, zmax=1.0)
    return figure


def _reading(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "undefined"
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['value']:.3f}, n={estimate['n']:,}"
    ends = f"{estimate['low']:.3f}, {estimate['high']:.3f}"
    return f"{estimate['value']:.3f} [{ends}] n={estimate['n']:,}"
