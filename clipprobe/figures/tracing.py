"""Charts of what is taken away: units of a traced score, patches of an explained one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars
from clipprobe.figures.theme import BLUE, PALETTE, chart, hover, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

_BAND = "rgba(128, 128, 128, 0.35)"
_DASHES = ("solid", "dash", "dot", "dashdot")


def removal_chart(rows: Sequence[Mapping[str, Any]], kind: str, what: str) -> go.Figure:
    """Share of a score that is gone, by how many units are taken out, over a band of random sets.

    Args:
        rows: ``k``, ``removed`` (an estimate) and ``random`` (``mean``, ``low``, ``high``) each.
        kind: What is taken out, in the singular.
        what: What is traced, in a word.
    """
    sizes = [str(row["k"]) for row in rows]
    figure = chart(height=360)
    random = [row["random"] for row in rows]
    _add_band(
        figure,
        sizes,
        [one["low"] for one in random],
        [one["high"] for one in random],
        "random sets, middle 95 %",
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
    return figure


def patch_chart(
    shares: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    band: tuple[Sequence[float], Sequence[float]],
    *,
    what: str,
    axis: str,
    control: str,
) -> go.Figure:
    """A score while patches are covered or uncovered, one line per map, over a band of chance.

    Args:
        shares: Share of the patches at each step.
        curves: Name -> score at each step.
        band: The lowest and the highest score of the control at each step.
        what: What happens to the patches, for the axis.
        axis: What the score is.
        control: What the band is.
    """
    figure = chart(height=380)
    _add_band(figure, shares, *band, control)
    for i, (name, scores) in enumerate(curves.items()):
        colour = PALETTE[i % len(PALETTE)]
        figure.add_scatter(
            x=list(shares),
            y=list(scores),
            mode="lines+markers",
            name=label(name),
            line={"color": colour, "dash": _DASHES[i // len(PALETTE) % len(_DASHES)]},
            marker={"color": colour, "size": 6},
            hovertemplate=hover("%{x:.0%}: %{y:.3f}", name),
        )
    figure.update_layout(legend={"y": 1.02, "yanchor": "bottom"})
    figure.update_xaxes(title_text=label(what), tickformat=".0%")
    figure.update_yaxes(title_text=label(axis))
    return figure


def _add_band(
    figure: go.Figure, places: Sequence[Any], low: Sequence[float], high: Sequence[float], name: str
) -> None:
    figure.add_scatter(
        x=[*places, *places[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        mode="lines",
        fillcolor=_BAND,
        line={"width": 0},
        hoverinfo="skip",
        name=label(name),
    )
