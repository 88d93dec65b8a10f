"""Curves over a logarithmic axis in SVG: no script, readable on any page.

For pages of documentation, where a report's interactive chart cannot stand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clipprobe.figures.svg import FAINT, INK, line, opened, text
from clipprobe.figures.theme import PALETTE

_PANEL, _HEIGHT, _GAP = 430, 330, 30
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 40, 74


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One set of curves over one axis."""

    title: str
    positions: Sequence[float]
    """Rising, above 0."""
    curves: Mapping[str, Sequence[Mapping[str, Any]]]
    """Name -> one estimate in its JSON form for each position."""
    level: tuple[str, Mapping[str, Any]]
    """A horizontal line with its band: a name and an estimate."""
    note: str
    """A line below the panel."""


def curves_svg(panels: Sequence[Panel], *, alt: str, axis: str) -> str:
    """Panels side by side, values from 0 to 1.

    Args:
        alt: For readers who cannot see it.
        axis: What the positions are.
    """
    width = len(panels) * (_PANEL + _GAP) - _GAP
    parts = opened(width, _HEIGHT, alt)
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * (_PANEL + _GAP)},0)">')
        parts += _panel(panel, axis)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, axis: str) -> list[str]:
    low, high = math.log2(panel.positions[0]), math.log2(panel.positions[-1])
    right, bottom = _PANEL - _RIGHT, _HEIGHT - _BOTTOM

    def x(position: float) -> float:
        share = (math.log2(position) - low) / (high - low) if high > low else 0.5
        return _LEFT + 8 + share * (right - _LEFT - 16)

    def y(value: float) -> float:
        return bottom - value * (bottom - _TOP)

    parts = [text(_LEFT, 18, panel.title, weight="bold")]
    for tenth in range(0, 11, 2):
        at = y(tenth / 10)
        parts.append(line(_LEFT, at, right, at, FAINT))
        parts.append(text(_LEFT - 6, at + 4, f"{10 * tenth} %", anchor="end"))
    for position in panel.positions:
        parts.append(text(x(position), bottom + 16, f"{position:.3g}", anchor="middle"))
    parts.append(text((_LEFT + right) / 2, bottom + 34, axis, anchor="middle"))
    parts.append(text((_LEFT + right) / 2, bottom + 56, panel.note, anchor="middle"))
    name, level = panel.level
    band = y(level["high"]), y(level["low"])
    parts.append(
        f'<rect x="{_LEFT}" y="{band[0]:.1f}" width="{right - _LEFT}" '
        f'height="{band[1] - band[0]:.1f}" fill="{INK}" opacity="0.1"/>'
    )
    parts.append(line(_LEFT, y(level["value"]), right, y(level["value"]), INK, dashed=True))
    legend = [(name, INK)]
    for (curve, estimates), colour in zip(panel.curves.items(), PALETTE, strict=False):
        legend.append((curve, colour))
        points = [(x(p), one) for p, one in zip(panel.positions, estimates, strict=True)]
        path = " ".join(f"{at:.1f},{y(one['value']):.1f}" for at, one in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for at, one in points:
            parts.append(line(at, y(one["low"]), at, y(one["high"]), colour))
            parts.append(
                f'<circle cx="{at:.1f}" cy="{y(one["value"]):.1f}" r="3.5" fill="{colour}"/>'
            )
    for place, (words, colour) in enumerate(legend):
        parts.append(text(right - 84 * (len(legend) - place - 1), 34, words, colour, "end"))
    return parts
