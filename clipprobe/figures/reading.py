"""Charts of an explanation of reading, from the plain numbers of its ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars
from clipprobe.figures.theme import PALETTE, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: What the curve shows, and its names for readers.
LINES = {
    "success": "answers the written word",
    "attacked_accuracy": "right under attack",
    "clean_accuracy": "right when clean",
    "reading_effect": "reading effect",
}

_OPEN = ("success", "clean_accuracy")


def ablation_chart(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Rates against the number of heads taken out, with the band of random heads.

    What reading and clean accuracy do stands open; the other lines come with a click on the legend.

    Args:
        rows: A curve of ``summary["curves"]``: ``k``, an estimate for each of :data:`LINES`, and
            ``random`` (None, or for each of them ``mean``, ``low``, ``high``).
    """
    figure = chart(height=460)
    for i, (name, title) in enumerate(LINES.items()):
        color = PALETTE[i % len(PALETTE)]
        estimates = [row[name] for row in rows]
        figure.add_scatter(
            x=[row["k"] for row in rows],
            y=[e["value"] for e in estimates],
            name=label(title),
            mode="lines+markers",
            line={"color": color},
            error_y=error_bars(estimates, thickness=1, width=0, color=color),
            visible=True if name in _OPEN else "legendonly",
        )
        banded = [row for row in rows if row["random"] is not None]
        if banded:
            bands = [row["random"][name] for row in banded]
            figure.add_scatter(
                x=[row["k"] for row in banded],
                y=[band["mean"] for band in bands],
                name=label(f"{title}, random heads"),
                mode="lines+markers",
                line={"color": color, "dash": "dot"},
                marker={"symbol": "x"},
                visible=True if name in _OPEN else "legendonly",
                error_y=error_bars(
                    [{**band, "value": band["mean"]} for band in bands],
                    thickness=4,
                    width=0,
                    color="rgba(120,120,120,0.35)",
                ),
            )
    figure.update_xaxes(title_text="heads taken out, in ranked order")
    figure.update_yaxes(title_text="share of images", range=[-0.35, 1.05])
    return figure


def place_chart(places: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Share of the change that a group of tokens carries before each block.

    Args:
        places: ``summary["places"]``: ``block``, ``place``, and the estimates ``to`` and ``from``.
    """
    figure = chart(height=400)
    for i, place in enumerate(dict.fromkeys(item["place"] for item in places)):
        for way, dash in (("to", "solid"), ("from", "dot")):
            items = [item for item in places if item["place"] == place]
            figure.add_scatter(
                x=[item["block"] for item in items],
                y=[item[way]["value"] for item in items],
                name=label(f"{place}, {'put in' if way == 'to' else 'taken back'}"),
                mode="lines+markers",
                line={"color": PALETTE[i % len(PALETTE)], "dash": dash},
            )
    figure.update_xaxes(title_text="stream before block", dtick=1)
    figure.update_yaxes(title_text="share of the change of the margin")
    return figure
