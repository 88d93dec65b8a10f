"""Curves of a training run, from the plain numbers of its log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.figures.theme import PALETTE, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Title -> names of the log to draw (a pattern), title of the axis, meaning.
CURVES: Mapping[str, tuple[str, str, str]] = {
    "Losses": (
        r".*loss",
        "nats",
        "The contrastive loss with the auxiliary one, and the auxiliary one alone, by step.",
    ),
    "Matched in the batch": (
        r".*_accuracy",
        "share of images",
        "Share of images whose own caption is the nearest of the batch, by what they show.",
    ),
    "Reading": (
        r".*_right|difficulty",
        "share",
        "Letters and their neighbours named right by the auxiliary head, and how hard words are.",
    ),
    "Scale of the logits": (r"scale", "factor", "The learned inverse temperature."),
    "Gradient": (r"gradient_norm", "norm", "Norm of the gradient before it is clipped to 1."),
}
#: Points of a curve; each is the mean of the steps that it stands for.
N_POINTS = 200


def training_chart(
    log: Sequence[Mapping[str, float]], pattern: str, *, axis: str
) -> go.Figure | None:
    """Every figure of the log whose name fits, each averaged over equal stretches of steps.

    Args:
        log: One entry a step, with ``step`` and figures by name; a step may lack some.
        pattern: A regular expression for whole names.
        axis: Title of the value axis, with its unit.
    Returns:
        The figure; ``None`` where no name fits.
    """
    names = list(dict.fromkeys(name for entry in log for name in entry))
    names = [name for name in names if re.fullmatch(pattern, name)]
    if not names:
        return None
    stretch = -(-len(log) // N_POINTS)
    figure = chart(height=360)
    for number, name in enumerate(names):
        x, y = [], []
        for start in range(0, len(log), stretch):
            part = [entry for entry in log[start : start + stretch] if name in entry]
            if part:
                x.append(float(np.mean([entry["step"] for entry in part])))
                y.append(float(np.mean([entry[name] for entry in part])))
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines" if len(x) > 1 else "markers",
            name=label(name.removesuffix("_accuracy").replace("_", " ")),
            line={"color": PALETTE[number % len(PALETTE)], "width": 1.8},
        )
    figure.update_layout(showlegend=len(names) > 1)
    figure.update_xaxes(title_text="step")
    figure.update_yaxes(title_text=label(axis))
    return figure
