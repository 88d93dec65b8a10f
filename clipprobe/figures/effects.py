"""Charts of what units do, from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clipprobe.figures.theme import ORANGE, SKY, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go


def effect_beside_controls(
    name: str, effect: float, controls: Mapping[str, float], *, axis: str, height: int = 260
) -> go.Figure:
    """One unit's effect among those of its controls, in order of size.

    Args:
        name: Of the unit.
        effect: Its effect.
        controls: Name of a control -> effect of the same change there.
        axis: Title of the value axis, with its unit.
    """
    ordered = sorted([(name, effect), *controls.items()], key=lambda one: one[1])
    figure = chart(height=height)
    figure.add_bar(
        x=list(range(len(ordered))),
        y=[value for _, value in ordered],
        marker={
            "color": [ORANGE if one == name else SKY for one, _ in ordered],
            "pattern": {"shape": ["/" if one == name else "" for one, _ in ordered]},
        },
        customdata=[label(one) for one, _ in ordered],
        hovertemplate="%{customdata}<br>%{y:.4g}<extra></extra>",
    )
    figure.add_hline(y=0, line={"width": 1, "color": "rgba(128, 128, 128, 0.8)"})
    place = [one for one, _ in ordered].index(name)
    figure.update_xaxes(
        tickvals=[place], ticktext=["this unit"], title_text="units, in order of effect"
    )
    figure.update_yaxes(title_text=label(axis))
    return figure
