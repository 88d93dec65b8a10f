"""Plotly helpers that every chart shares: one look, bars with intervals, histograms, heat maps.

Figures read plain numbers and know no model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clipprobe.errors import ConfigError
from clipprobe.figures.theme import BLUE, PALETTE, RED, chart, hover, label

if TYPE_CHECKING:
    import plotly.graph_objects as go


def interval_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[Any]],
    *,
    title: str = "",
    axis: str = "",
    limits: tuple[float, float] | None = None,
    height: int = 380,
) -> go.Figure:
    """Bars with error bars: one group of bars for each of ``groups``, one colour a series.

    Args:
        groups: Names along the axis.
        series: Name -> one estimate (value, low, high, n; an object or its JSON form) for each
            group. An undefined one leaves a gap and says "undefined" when pointed at.
        axis: Title of the value axis, with its unit.
        limits: Range of the value axis, for example ``(0, 1)`` for a share.

    Raises:
        ConfigError: a series has not one estimate for each group.
    """
    figure = chart(title=title, height=height)
    names = [label(group) for group in groups]
    for i, (name, estimates) in enumerate(series.items()):
        if len(estimates) != len(names):
            raise ConfigError(
                f"The series {name!r} has {len(estimates)} estimates for {len(names)} groups: give "
                "one for each."
            )
        parts = [_parts(estimate) for estimate in estimates]
        figure.add_bar(
            name=label(name),
            x=names,
            y=[value for value, *_ in parts],
            error_y=error_bars(estimates, thickness=1.5, width=5),
            customdata=[_reading(*part) for part in parts],
            hovertemplate=hover("%{x}<br>%{customdata}", name),
            marker={
                "color": PALETTE[i % len(PALETTE)],
                "pattern": {"shape": ("", "/", ".", "x", "-", "\\", "+")[i % 7]},
            },
        )
    figure.update_layout(barmode="group", showlegend=len(series) > 1)
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text=label(axis), range=limits)
    return figure


def histogram(
    edges: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    title: str = "",
    axis: str = "",
    mark: float | None = None,
    mark_name: str = "",
    height: int = 320,
) -> go.Figure:
    """A histogram from counts that were taken elsewhere.

    Args:
        edges: ``n + 1`` rising bin edges.
        counts: ``n`` counts.
        axis: Title of the value axis, with its unit.
        mark: A value to mark with a line, for example a threshold, named ``mark_name``.

    Raises:
        ConfigError: the numbers of edges and counts do not fit.
    """
    borders, heights = np.asarray(edges, dtype=float), np.asarray(counts)
    if borders.ndim != 1 or heights.shape != (len(borders) - 1,):
        raise ConfigError(
            f"A histogram with {borders.size} edges needs {borders.size - 1} counts, not "
            f"{heights.size}."
        )
    figure = chart(title=title, height=height)
    figure.add_bar(
        x=((borders[:-1] + borders[1:]) / 2).tolist(),
        y=heights.tolist(),
        width=np.diff(borders).tolist(),
        customdata=[[float(a), float(b)] for a, b in pairwise(borders)],
        hovertemplate="%{customdata[0]:.4g} to %{customdata[1]:.4g}: %{y:,}<extra></extra>",
        marker={"color": BLUE, "line": {"width": 0}},
    )
    if mark is not None and math.isfinite(mark):
        figure.add_vline(
            x=mark, line={"color": RED, "dash": "dash"}, annotation_text=label(mark_name)
        )
    figure.update_layout(bargap=0, showlegend=False)
    figure.update_xaxes(title_text=label(axis))
    figure.update_yaxes(title_text="count")
    return figure


def heatmap(
    values: npt.ArrayLike,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    title: str = "",
    unit: str = "",
    diverging: bool = False,
    marks: Sequence[tuple[int, int, str]] = (),
    height: int = 420,
) -> go.Figure:
    """A heat map with an invisible marker on every cell, so that a click selects the cell.

    Streamlit returns no selection for a click on a heat map itself; the marker's ``customdata`` is
    ``[row, column]``.

    Args:
        values: ``(h, w)``; row 0 is at the top. NaN is left blank.
        rows, columns: Names; indices where they are absent.
        unit: What the colour shows.
        diverging: Colours symmetric around zero, for values with a sign.
        marks: ``(row, column, text)`` of cells to point out with an open square.

    Raises:
        ConfigError: ``values`` has not two axes, or the names do not fit it.
    """
    grid = np.asarray(values, dtype=float)
    if grid.ndim != 2:
        raise ConfigError(f"A heat map needs values with two axes, not shape {grid.shape}.")
    down = [label(name) for name in rows] if rows is not None else list(map(str, range(len(grid))))
    across = columns if columns is not None else range(grid.shape[1])
    across = [label(str(name)) for name in across]
    if (len(down), len(across)) != grid.shape:
        raise ConfigError(
            f"A heat map of shape {grid.shape} got {len(down)} row and {len(across)} column names."
        )
    finite = grid[np.isfinite(grid)]
    top = float(np.abs(finite).max()) if finite.size else 1.0
    h, w = grid.shape
    figure = chart(title=title, height=height)
    figure.add_heatmap(
        z=[[None if math.isnan(value) else value for value in row] for row in grid.tolist()],
        colorscale="RdBu_r" if diverging else "Viridis",
        zmin=-top if diverging else None,
        zmax=top if diverging else None,
        colorbar={"title": {"text": label(unit)}},
        hoverinfo="skip",
    )
    cells = [(i, j) for i in range(h) for j in range(w)]
    figure.add_scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="markers",
        marker={"opacity": 0, "symbol": "square", "size": 22},
        customdata=[[i, j] for i, j in cells],
        text=[f"{down[i]}, {across[j]}: {_short(float(grid[i, j]))}" for i, j in cells],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    if marks:
        figure.add_scatter(
            x=[j for _, j, _ in marks],
            y=[i for i, _, _ in marks],
            mode="markers+text",
            text=[label(text) for *_, text in marks],
            textposition="top center",
            marker={"symbol": "square-open", "size": 20, "color": RED, "line": {"width": 3}},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.update_xaxes(
        tickvals=list(range(w)), ticktext=across, showgrid=False, range=[-0.5, w - 0.5]
    )
    figure.update_yaxes(
        tickvals=list(range(h)), ticktext=down, showgrid=False, range=[h - 0.5, -0.5]
    )
    return figure


def error_bars(estimates: Sequence[Any], **look: Any) -> dict[str, Any]:
    """Plotly's error bars from each value to the ends of its interval; none where undefined.

    Args:
        estimates: With value, low and high; objects or their JSON form.
        look: Thickness, width and colour, as plotly calls them.
    """
    parts = [[number(one, name) for name in ("low", "value", "high")] for one in estimates]
    return {
        "type": "data",
        "array": [_gap(high, value) for _, value, high in parts],
        "arrayminus": [_gap(value, low) for low, value, _ in parts],
        **look,
    }


def number(estimate: Any, name: str) -> float | None:
    """A number of an estimate, an object or its JSON form; None where it is undefined."""
    mapping = isinstance(estimate, Mapping)
    return _finite(estimate[name] if mapping else getattr(estimate, name))


def _parts(estimate: Any) -> tuple[float | None, float | None, float | None, int]:
    value, low, high = (number(estimate, name) for name in ("value", "low", "high"))
    return value, low, high, int(estimate["n"] if isinstance(estimate, Mapping) else estimate.n)


def _finite(value: Any) -> float | None:
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return None
    return float(value)


def _gap(upper: float | None, lower: float | None) -> float:
    return 0.0 if upper is None or lower is None else max(0.0, upper - lower)


def _reading(value: float | None, low: float | None, high: float | None, n: int) -> str:
    if value is None:
        return f"undefined, n={n:,}"
    span = "no interval" if low is None or high is None else f"{_short(low)}, {_short(high)}"
    return f"{_short(value)} [{span}] n={n:,}"


def _short(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4g}"
