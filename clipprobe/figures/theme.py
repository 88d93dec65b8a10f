"""The look of every chart: colours, fonts, and text that stays text.

Colours are those of Okabe and Ito (2008), which stay apart for colour-blind readers; series also
differ by pattern or position, never by colour alone. Backgrounds are left clear so that a page or
an app can set them for light and dark.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
)
PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW)
_GRID = "rgba(128, 128, 128, 0.3)"


def label(text: str) -> str:
    """``text`` shown as it is written by plotly, which reads markup in titles, ticks and hovers."""
    return html.escape(" ".join(str(text).split()), quote=False)


def hover(template: str, name: str) -> str:
    """What is shown of a point that is pointed at, with the name of its series beside it."""
    return f"{template}<extra>{label(name).replace('%', '&#37;')}</extra>"


def chart(*, title: str = "", height: int = 380) -> go.Figure:
    """An empty figure in the look of the project; ``height`` in pixels.

    ``title`` is escaped; axis titles are the caller's, through :func:`label`.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        title={"text": label(title), "x": 0, "xanchor": "left"} if title else None,
        template="none",
        colorway=PALETTE,
        height=height,
        margin={"l": 60, "r": 20, "t": 50 if title else 20, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, DejaVu Sans, sans-serif", "size": 13},
        legend={"orientation": "h", "y": -0.2},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID, automargin=True)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID, automargin=True)
    return figure
