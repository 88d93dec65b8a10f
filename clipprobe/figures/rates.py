"""Rates of several groups with their intervals, one series per label set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars, number
from clipprobe.figures.theme import PALETTE, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go


_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross")


def rate_chart(
    series: Sequence[tuple[str, Sequence[str], Sequence[Any]]], *, axis: str, title: str = ""
) -> go.Figure:
    """One row per group: a rate and its interval for each series.

    Args:
        series: ``(name, groups, estimates)``; estimates have value, low, high, n (NaN allowed).
        axis: Title of the value axis, with what is counted.
    """
    groups = list(dict.fromkeys(g for _, names, _ in series for g in names))
    figure = chart(title=title, height=150 + 26 * max(len(groups), 3))
    for i, (name, names, estimates) in enumerate(series):
        if not names:
            continue
        figure.add_scatter(
            x=[number(e, "value") for e in estimates],
            y=[label(g) for g in names],
            error_x=error_bars(estimates, thickness=1.2, width=4),
            mode="markers",
            name=label(name),
            marker={
                "color": PALETTE[i % len(PALETTE)],
                "symbol": _SYMBOLS[i % len(_SYMBOLS)],
                "size": 9,
            },
            customdata=[[e.n] for e in estimates],
            hovertemplate="%{y}: %{x:.1%} n=%{customdata[0]}<extra></extra>",
        )
    figure.update_xaxes(title_text=label(axis), tickformat=".1~%", rangemode="tozero")
    figure.update_yaxes(
        type="category", categoryorder="array", categoryarray=[label(g) for g in groups][::-1]
    )
    figure.update_layout(legend={"y": 1.02, "yanchor": "bottom"})
    return figure
