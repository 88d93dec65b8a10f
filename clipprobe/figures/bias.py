"""Charts of bias audits: associations with intervals, skews beside their null floor, changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.figures.common import error_bars, heatmap, interval_bars, number
from clipprobe.figures.theme import BLUE, ORANGE, chart, label

if TYPE_CHECKING:
    import plotly.graph_objects as go

_GREY = "rgba(128, 128, 128, 0.45)"
_ROW_PX = 22


def association_chart(
    items: Sequence[str],
    estimates: Sequence[Any],
    *,
    flagged: Sequence[bool],
    axis: str,
    title: str = "",
) -> go.Figure:
    """One row per word: effect size and interval; filled where flagged.

    Args:
        items: Words, first on top. estimates: value, low, high, n each (NaN allowed).
        flagged: Whether each stands out. axis: the value axis' title, naming both directions.
    """
    figure = _rows(items, axis, title)
    _add_rows(figure, items, estimates, flagged, "d")
    figure.add_vline(x=0, line={"color": "grey", "width": 1})
    return figure


def floor_chart(
    items: Sequence[str],
    estimates: Sequence[Any],
    floors: Sequence[tuple[float, float]],
    *,
    flagged: Sequence[bool] | None,
    axis: str,
    title: str = "",
) -> go.Figure:
    """One row per word: a figure that chance alone raises, over a bar of what chance gives.

    Args:
        floors: Mean and 95th percentile of the null, for each word.
        flagged: Whether each stands out; None where the figure is not tested.
    """
    figure = _rows(items, axis, title)
    figure.add_bar(
        y=_names(items),
        x=[high - mean for mean, high in floors],
        base=[mean for mean, _ in floors],
        orientation="h",
        name="random ranking: mean to 95th percentile",
        marker={"color": _GREY},
        customdata=[[mean, high] for mean, high in floors],
        hovertemplate="random ranking: mean %{customdata[0]:.3f}, 95th %{customdata[1]:.3f}"
        "<extra></extra>",
    )
    _add_rows(figure, items, estimates, flagged, "observed")
    return figure


def planted_chart(
    items: Sequence[str],
    rates: Sequence[float],
    estimates: Sequence[Any],
    *,
    group: str,
    axis: str,
    title: str = "",
) -> go.Figure:
    """Planted rate across, association found up; a working audit rises from corner to corner."""
    figure = chart(title=title, height=420)
    for balanced, name, colour, symbol in (
        (False, "planted", BLUE, "circle"),
        (True, "balanced control", ORANGE, "diamond"),
    ):
        rows = [i for i, rate in enumerate(rates) if (rate == 0.5) == balanced]
        if not rows:
            continue
        # Words of one rate stand beside each other, else their intervals hide one another.
        spread = {i: 0.008 * (k - (n - 1) / 2) for i, k, n in _places(rows, rates)}
        figure.add_scatter(
            x=[rates[i] + spread[i] for i in rows],
            y=[number(estimates[i], "value") for i in rows],
            error_y=_error([estimates[i] for i in rows]),
            customdata=[[label(items[i]), rates[i]] for i in rows],
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 9},
            hovertemplate="%{customdata[0]}: planted %{customdata[1]:.2f}, d %{y:.3f}"
            "<extra></extra>",
        )
    figure.add_hline(y=0, line={"color": "grey", "width": 1})
    figure.add_vline(x=0.5, line={"color": "grey", "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=label(f"planted share of {group}"), range=[-0.03, 1.03])
    figure.update_yaxes(title_text=label(axis))
    return figure


def group_map(
    items: Sequence[str],
    groups: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    unit: str,
    flagged: Sequence[Sequence[bool]] | None = None,
    title: str = "",
) -> go.Figure:
    """Words down, groups across, a signed figure as colour; flagged cells are outlined."""
    marks = [
        (i, j, "")
        for i, row in enumerate(flagged or [])
        for j, is_flagged in enumerate(row)
        if is_flagged
    ]
    return heatmap(
        values,
        rows=items,
        columns=groups,
        title=title,
        unit=unit,
        diverging=True,
        marks=marks,
        height=140 + _ROW_PX * max(len(items), 3),
    )


def change_chart(changes: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Measures before and after a mitigation, with intervals.

    Args:
        changes: ``measure``, ``about``, ``before`` and ``after`` (estimates) each.
    """
    return interval_bars(
        [f"{c['measure']}, {c['about']}" for c in changes],
        {"before": [c["before"] for c in changes], "after": [c["after"] for c in changes]},
        axis="aligned d, or share right",
        height=340,
    )


def _rows(items: Sequence[str], axis: str, title: str) -> go.Figure:
    """An empty figure with a row for each item."""
    figure = chart(title=title, height=150 + _ROW_PX * max(len(items), 3))
    figure.update_xaxes(title_text=label(axis))
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=_names(items)[::-1])
    figure.update_layout(bargap=0.35, legend={"y": 1.02, "yanchor": "bottom"})
    return figure


def _add_rows(
    figure: go.Figure,
    items: Sequence[str],
    estimates: Sequence[Any],
    flagged: Sequence[bool] | None,
    name: str,
) -> None:
    names = _names(items)
    kinds: list[tuple[list[int], str, str]]
    if flagged is None:
        kinds = [(list(range(len(items))), f"{name}, not tested", "diamond-open")]
    else:
        kinds = [
            (
                [i for i, stands_out in enumerate(flagged) if stands_out],
                f"{name}, flagged",
                "circle",
            ),
            (
                [i for i, stands_out in enumerate(flagged) if not stands_out],
                f"{name}, not flagged",
                "circle-open",
            ),
        ]
    for rows, words, symbol in kinds:
        if not rows:
            continue
        members = [estimates[i] for i in rows]
        figure.add_scatter(
            x=[number(e, "value") for e in members],
            y=[names[i] for i in rows],
            error_x=_error(members),
            mode="markers",
            name=words,
            marker={"color": BLUE, "symbol": symbol, "size": 9},
            customdata=[[_end(e.low), _end(e.high), e.n] for e in members],
            hovertemplate="%{y}: %{x:.3f} [%{customdata[0]}, %{customdata[1]}] "
            "n=%{customdata[2]}<extra></extra>",
        )


def _names(items: Sequence[str]) -> list[str]:
    return [label(item) for item in items]


def _places(rows: Sequence[int], rates: Sequence[float]) -> list[tuple[int, int, int]]:
    """``(row, place among those of its rate, how many there are)``."""
    same: dict[float, list[int]] = {}
    for row in rows:
        same.setdefault(rates[row], []).append(row)
    return [(row, k, len(group)) for group in same.values() for k, row in enumerate(group)]


def _error(estimates: Sequence[Any]) -> dict[str, Any]:
    return error_bars(estimates, thickness=1.2, color="rgba(110, 110, 110, 0.9)", width=4)


def _end(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3f}"
