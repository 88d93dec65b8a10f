"""Charts of an atlas, from plain arrays: one unit's activations, and hook points side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.figures.common import histogram
from clipprobe.figures.theme import BLUE, GREEN, PINK, RED, chart, hover, label

if TYPE_CHECKING:
    import plotly.graph_objects as go


def activation_histogram(
    edges: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    pooled: str,
    mean: float,
    inputs: str = "images",
    title: str = "",
    marks: Mapping[str, float] | None = None,
    height: int = 320,
) -> go.Figure:
    """How many inputs gave which activation, on a logarithmic count axis.

    Args:
        edges, counts: ``Unit.histogram_edges`` and ``Unit.histogram``.
        pooled: How tokens became one number, in words.
        mean: Marked with a line.
        inputs: What is counted, ``images`` or ``texts``.
        marks: More lines by name, each below the one before so that names stay apart.
    """
    figure = histogram(
        edges, counts, title=title, axis=f"activation ({pooled})", mark=mean, mark_name="mean",
        height=height,
    )  # fmt: skip
    for number, (name, value) in enumerate((marks or {}).items(), start=1):
        if math.isfinite(value):
            figure.add_vline(
                x=value,
                line={"color": (GREEN, PINK)[number % 2], "dash": "dot"},
                annotation={"text": label(name), "yshift": -17 * number},
            )
    # Rare strong answers are what a neuron is looked at for, and vanish on a linear axis.
    few = float(np.max(np.asarray(counts), initial=0.0)) < 100  # powers of ten alone say too little
    figure.update_yaxes(title_text=inputs, type="log", dtick="D2" if few else 1)
    return figure


def peaks_by_site(
    peaks: Mapping[str, npt.NDArray[np.float64]], floor: float, *, title: str = ""
) -> go.Figure:
    """How selective the units of each hook point are: a box from 5 % to 95 % of its units.

    Args:
        peaks: Hook point -> peak of each unit in standard deviations; NaN is left out.
        floor: What 95 % of units that respond to nothing in particular stay below: a line.
    """
    known = {name: values[~np.isnan(values)] for name, values in peaks.items()}
    known = {name: values for name, values in known.items() if len(values)}
    parts = {name: np.percentile(values, [5, 25, 50, 75, 95]) for name, values in known.items()}
    figure = chart(title=title, height=400)
    if parts:
        low, q1, median, q3, high = np.array(list(parts.values())).T.tolist()
        figure.add_box(
            x=[label(name) for name in parts],
            q1=q1,
            median=median,
            q3=q3,
            lowerfence=low,
            upperfence=high,
            marker={"color": BLUE},
            name="",
        )
    if math.isfinite(floor):
        figure.add_hline(
            y=floor,
            line={"color": RED, "dash": "dash"},
            annotation={"text": "bell-shaped<br>unit", "x": 1.01, "xanchor": "left"},
            annotation_position="right",
        )
    figure.update_layout(showlegend=False, margin={"r": 90})
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="peak (σ above the mean)", rangemode="tozero")
    return figure


def shares_by_site(
    sites: Sequence[str], shares: Mapping[str, Sequence[float]], *, title: str = ""
) -> go.Figure:
    """Shares of units with a property, one group of bars for each hook point.

    Args:
        shares: Property -> share for each hook point, 0 to 1.
    """
    figure = chart(title=title, height=340)
    for number, (name, values) in enumerate(shares.items()):
        figure.add_bar(
            x=[label(site) for site in sites],
            y=list(values),
            name=label(name),
            marker={"pattern": {"shape": ("", "/", ".", "x")[number % 4]}},
            hovertemplate=hover("%{x}<br>%{y:.1%}", name),
        )
    figure.update_layout(barmode="group")
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="share of units", range=[0, 1], tickformat=".0%")
    return figure
