"""Figures of patching: shares by position, effects of paths, and predicted beside measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.figures.svg import FAINT, INK, line, opened, short, text, ticks
from clipprobe.figures.theme import BLUE, ORANGE, PALETTE

_CELL, _GAP, _SIDE = 14, 22, 330
_LEFT, _TOP = 60, 44


def shares_svg(
    rows: Mapping[str, Floats],
    grid: tuple[int, int],
    *,
    columns: Sequence[str],
    alt: str,
    note: str,
) -> str:
    """Shares by position: a row for each name, a map for each hook point.

    Args:
        rows: Name -> ``(n_columns, n_tokens)``, 1 where a position carries all of an answer; the
            class token first, where there is one more token than places. NaN is left white.
        grid: Rows and columns of places.
        columns: What each map is of.
        alt: For readers who cannot see it.
        note: A line below.
    """
    height, width = grid
    across, down = width * _CELL + _GAP, height * _CELL + 2 * _GAP + 12
    left = 96
    size = (left + len(columns) * across, _TOP + len(rows) * down + 30)
    labels = [text(left + i * across, 22, name, weight="bold") for i, name in enumerate(columns)]
    cells = []
    for j, (name, shares) in enumerate(rows.items()):
        top = _TOP + j * down
        labels.append(text(8, top + 30, name))
        for i, tokens in enumerate(shares):
            x0, n_places = left + i * across, height * width
            if len(tokens) > n_places:
                cells.append(_cell(x0, top, float(tokens[0])))
                labels.append(text(x0 + _CELL + 5, top + 11, f"class {tokens[0]:.2f}"))
            for place, share in enumerate(tokens[-n_places:]):
                row, column = divmod(place, width)
                at = x0 + column * _CELL, top + _GAP + row * _CELL
                cells.append(_cell(*at, float(share)))
    for i, share in enumerate((-1, -0.5, 0, 0.5, 1)):
        x, y = left + i * 52, size[1] - 24
        cells.append(_cell(x, y, share))
        labels.append(text(x + _CELL + 4, y + 11, short(share)))
    labels.append(text(left + 290, size[1] - 13, note))
    framed = [f'<g stroke="{FAINT}" stroke-width="0.5">', *cells, "</g>"]
    return _closed([*opened(*size, alt), *framed, *labels])


def paths_svg(effects: Mapping[str, Floats], *, axis: str, alt: str, note: str) -> str:
    """Effects of paths: a dot for each number, a bar at their mean.

    Args:
        effects: Name of a path -> its effects, of any shape.
        axis: What the effects are.
    """
    values = {name: np.ravel(one) for name, one in effects.items()}
    left, right, step = 150, 490, 30
    bottom = _TOP + step * len(values)
    x, marks = _axis(np.concatenate(list(values.values())), left, right)
    parts = opened(right + 20, bottom + 70, alt)
    for mark in marks:
        parts.append(line(x(mark), _TOP - 10, x(mark), bottom, FAINT))
        parts.append(text(x(mark), bottom + 16, short(mark), anchor="middle"))
    parts.append(line(x(0), _TOP - 10, x(0), bottom, INK, dashed=True))
    for i, (name, own) in enumerate(values.items()):
        y = _TOP + step * (i + 0.5) - 5
        parts.append(text(left - 10, y + 4, name, anchor="end"))
        parts += [_dot(x(one), y) for one in own]
        parts.append(line(x(own.mean()), y - 10, x(own.mean()), y + 10, INK))
    middle = (left + right) / 2
    parts.append(text(middle, bottom + 36, axis, anchor="middle"))
    parts.append(text(middle, bottom + 58, note, anchor="middle"))
    return _closed(parts)


def predicted_svg(
    predicted: Floats, measured: Floats, groups: Sequence[int], *, alt: str, note: str
) -> str:
    """What was predicted across, what was measured up, on one scale with its diagonal.

    Args:
        predicted, measured: One number per unit, in one unit of measurement.
        groups: Number of each unit's group, such as its block, which stands in its place.
    """
    both = np.concatenate([predicted, measured])
    right, bottom = _LEFT + _SIDE, _TOP + _SIDE
    x, marks = _axis(both, _LEFT, right)
    y, _ = _axis(both, bottom, _TOP)
    parts = opened(right + 20, bottom + 70, alt)
    for mark in marks:
        parts.append(line(x(mark), _TOP, x(mark), bottom, FAINT))
        parts.append(line(_LEFT, y(mark), right, y(mark), FAINT))
        parts.append(text(x(mark), bottom + 16, short(mark), anchor="middle"))
        parts.append(text(_LEFT - 6, y(mark) + 4, short(mark), anchor="end"))
    low, high = marks[0], marks[-1]
    parts.append(line(x(low), y(low), x(high), y(high), INK, dashed=True))
    for prediction, effect, group in zip(predicted, measured, groups, strict=True):
        colour = PALETTE[group % len(PALETTE)]
        parts.append(text(x(prediction), y(effect) + 4, str(group), colour, "middle", "bold"))
    parts.append(text(_LEFT - 44, _TOP - 22, "measured change of the logit (a digit is a block)"))
    middle = (_LEFT + right) / 2
    parts.append(text(middle, bottom + 36, "predicted change of the logit", anchor="middle"))
    parts.append(text(middle, bottom + 58, note, anchor="middle"))
    return _closed(parts)


def _axis(values: Floats, start: float, end: float) -> tuple[Callable[[float], float], list[float]]:
    """Value -> place along an axis that holds the values and 0, and its round values."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    margin = 0.05 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return start + (value - low) / (high - low) * (end - start)

    return place, ticks(low, high)


def _cell(x: float, y: float, share: float) -> str:
    """A square: white for 0, blue for 1 and orange for -1."""
    colour = "#ffffff"
    if math.isfinite(share):
        strength, end = min(1.0, abs(share)), BLUE if share > 0 else ORANGE
        channels = [int(end[i : i + 2], 16) for i in (1, 3, 5)]
        colour = "#" + "".join(f"{round(255 + strength * (c - 255)):02x}" for c in channels)
    return f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" fill="{colour}"/>'


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{BLUE}" fill-opacity="0.6"/>'


def _closed(parts: Sequence[str]) -> str:
    return "\n".join([*parts, "</svg>"]) + "\n"
