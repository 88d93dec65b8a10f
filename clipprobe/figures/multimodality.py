"""Charts of a multimodality test, from plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.figures.common import error_bars, number
from clipprobe.figures.theme import BLUE, ORANGE, PALETTE, RED, chart, hover, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star")


def score_histogram(
    real: npt.ArrayLike,
    null: npt.ArrayLike | None,
    *,
    what: str,
    random: npt.ArrayLike | None = None,
    title: str = "",
) -> go.Figure:
    """Scores seen against scores under permutation, in equal bins from 0 to 1.

    Args:
        real: Counts per bin.
        null: The same under permutation, where there is such a null.
        what: What is counted, for example ``units``.
        random: Counts per bin at random weights, where there are any.
    """
    counts = np.asarray(real, dtype=float)
    edges = np.linspace(0, 1, len(counts) + 1)
    middle = ((edges[:-1] + edges[1:]) / 2).tolist()
    figure = chart(title=title, height=360)
    figure.add_bar(
        x=middle,
        y=counts.tolist(),
        name="seen",
        marker={"color": BLUE, "line": {"width": 0}},
        hovertemplate="%{x:.2f}: %{y:,.0f}<extra>seen</extra>",
    )
    lines = []
    if null is not None:
        lines.append(("whole concepts permuted", np.asarray(null, dtype=float), RED, "solid"))
    if random is not None:
        lines.append(("random weights", np.asarray(random, dtype=float), ORANGE, "dot"))
    for name, values, colour, dash in lines:
        figure.add_scatter(
            x=middle,
            y=values.tolist(),
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "shape": "hvh", "width": 2},
            hovertemplate="%{x:.2f}: %{y:,.1f}<extra>" + name + "</extra>",
        )
    figure.update_layout(bargap=0)
    figure.update_xaxes(title_text="score: smallest AUROC over modalities", range=[0, 1])
    top = max(float(counts.max(initial=1)), 1.0)
    figure.update_yaxes(
        title_text=label(what), type="log", dtick=1, range=[-1, np.log10(top) + 0.3]
    )
    return figure


def modality_dots(
    names: Sequence[str],
    aurocs: Mapping[str, Sequence[tuple[float, float, float]]],
    *,
    title: str = "",
) -> go.Figure:
    """One row per unit: its AUROC in each modality with the interval.

    Args:
        names: The rows, best first.
        aurocs: Modality -> ``(value, low, high)`` of each row; NaN leaves a gap.
    """
    rows = [label(name) for name in names]
    figure = chart(title=title, height=110 + 34 * max(len(rows), 1))
    n = len(aurocs)
    for i, (modality, values) in enumerate(aurocs.items()):
        estimates = [dict(zip(("value", "low", "high"), one, strict=True)) for one in values]
        shift = (i - (n - 1) / 2) * 0.22
        figure.add_scatter(
            x=[number(one, "value") for one in estimates],
            y=[place + shift for place in range(len(rows))],
            name=label(modality),
            mode="markers",
            marker={
                "color": PALETTE[i % len(PALETTE)],
                "symbol": SYMBOLS[i % len(SYMBOLS)],
                "size": 9,
            },
            error_x=error_bars(estimates, thickness=1.2, width=3),
            hovertemplate=hover("%{x:.3f}", modality),
        )
    figure.add_vline(x=0.5, line={"color": RED, "dash": "dash"})
    figure.update_xaxes(title_text="AUROC against other concepts of the modality", range=[0, 1.02])
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=rows, range=[len(rows) - 0.5, -0.5]
    )
    return figure


def ranked_scores(
    scores: npt.ArrayLike, random: npt.ArrayLike | None = None, *, title: str = ""
) -> go.Figure:
    """Confirmed scores of the units from the best down, beside those at random weights."""
    figure = chart(title=title, height=340)
    series = [("trained", np.asarray(scores, dtype=float), BLUE, "solid")]
    if random is not None:
        series.append(("random weights", np.asarray(random, dtype=float), ORANGE, "dot"))
    for name, values, colour, dash in series:
        ordered = np.sort(values[np.isfinite(values)])[::-1]
        # A few hundred points draw the curve; the first ones are what one looks at.
        places = np.unique(np.geomspace(1, max(len(ordered), 1), 400).astype(int))
        places = places[places <= len(ordered)]
        figure.add_scatter(
            x=places.tolist(),
            y=ordered[places - 1].tolist(),
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="unit %{x}: %{y:.3f}<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title_text="rank", type="log", dtick=1)
    figure.update_yaxes(title_text="confirmed score", range=[0, 1.02])
    return figure
