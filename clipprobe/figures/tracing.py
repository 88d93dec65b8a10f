"""Charts of a traced score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars
from clipprobe.figures.theme import BLUE, label, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BAND = "rgba(128, 128, 128, 0.35)"


def removal_chart(rows: Sequence[Mapping[str, Any]], kind: str, what: str) -> go.Figure:
    """Share of a score that is gone, by how many units are taken out, over a band of random sets.

    Args:
        rows: ``k``, ``removed`` (an estimate) and ``random`` (``mean``, ``low``, ``high``) each.
        kind: What is taken out, in the singular.
        what: What is traced, in a word.
    """
    import plotly.graph_objects as go

    sizes = [str(row["k"]) for row in rows]
    figure = go.Figure()
    figure.add_scatter(
        x=sizes + sizes[::-1],
        y=[row["random"]["high"] for row in rows] + [row["random"]["low"] for row in rows][::-1],
        fill="toself",
        mode="lines",
        fillcolor=_BAND,
        line={"width": 0},
        hoverinfo="skip",
        name="random sets, middle 95 %",
    )
    measured = [row for row in rows if row["removed"]["value"] is not None]
    figure.add_scatter(
        x=[str(row["k"]) for row in measured],
        y=[row["removed"]["value"] for row in measured],
        error_y=error_bars([row["removed"] for row in measured], symmetric=False),
        mode="lines+markers",
        marker={"color": BLUE, "size": 8},
        name=label(f"the strongest {kind}s"),
    )
    figure.add_hline(y=0, line={"color": "grey", "width": 1})
    figure.add_hline(y=1, line={"color": "grey", "width": 1, "dash": "dot"})
    figure.update_xaxes(title=label(f"{kind}s taken out"), type="category")
    figure.update_yaxes(title=f"share of the {what} that is gone")
    return theme(figure, height=360)
