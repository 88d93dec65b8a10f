"""Accuracy over the number of shots, beside zero-shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars
from clipprobe.figures.theme import PALETTE, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SYMBOLS = ("circle", "diamond", "square", "triangle-up")


def shots_chart(
    positions: Sequence[float],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    zero_shot: Mapping[str, Any],
    *,
    title: str = "",
) -> go.Figure:
    """One line per method, error bars from the estimates, zero-shot as a band.

    Args:
        positions: Shots of each class, rising.
        curves: Method -> one estimate in its JSON form for each position.
        zero_shot: The estimate of zero-shot.
    """
    figure = chart(title=title, height=360)
    for i, (name, estimates) in enumerate(curves.items()):
        figure.add_scatter(
            x=list(positions),
            y=[one["value"] for one in estimates],
            error_y=error_bars(estimates, color=PALETTE[i], thickness=1.2, width=4),
            mode="lines+markers",
            name=label(name),
            line={"color": PALETTE[i]},
            marker={"symbol": _SYMBOLS[i % len(_SYMBOLS)], "size": 8},
            hovertemplate="%{x:.3g} shots: %{y:.1%}<extra></extra>",
        )
    figure.add_hline(y=zero_shot["value"], line_dash="dash", annotation_text="zero-shot")
    figure.add_hrect(y0=zero_shot["low"], y1=zero_shot["high"], opacity=0.12, line_width=0,
                     fillcolor="#808080")  # fmt: skip
    figure.update_xaxes(type="log", title_text="labelled images of each class", tickvals=list(
        positions), ticktext=[f"{p:.3g}" for p in positions])  # fmt: skip
    figure.update_yaxes(title_text="accuracy", tickformat=".0%")
    return figure
