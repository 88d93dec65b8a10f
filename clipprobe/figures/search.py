"""Chart of a search: how visible the best flip is after N queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.theme import PALETTE, label, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go


def budget_chart(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> go.Figure:
    """Visibility of the best flip so far, one step line for each arm.

    Args:
        curves: Arm -> points with ``queries`` and ``visibility`` (None before the first flip).
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for i, (name, points) in enumerate(curves.items()):
        figure.add_scatter(
            x=[point["queries"] for point in points],
            y=[point["visibility"] for point in points],
            name=label(name),
            mode="lines+markers",
            line={
                "shape": "hv",
                "color": PALETTE[i % len(PALETTE)],
                "dash": ("solid", "dot")[i % 2],
            },
            hovertemplate="%{x} queries: %{y:.4f}<extra>" + label(name) + "</extra>",
        )
    theme(figure, height=320)
    figure.update_xaxes(title_text="queries", type="log")
    figure.update_yaxes(title_text="ink times opacity of the best flip", rangemode="tozero")
    return figure
