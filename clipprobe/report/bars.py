"""A histogram as SVG inside the page: no script, a few kilobytes, the colours of the page.

For pages that are made by the hundred and would otherwise carry plotly.js (4.8 MB) each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from clipprobe.figures.svg import short, ticks
from clipprobe.report.numbers import format_number

_WIDTH, _HEIGHT = 900, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 26, 48
_PLOT = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)


def histogram_svg(
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    alt: str,
    axis: str,
    what: str,
    marks: Sequence[tuple[str, float]] = (),
) -> Markup:
    """Counts on a logarithmic axis; hovering a bar says its range and count.

    Args:
        edges, counts: ``n + 1`` rising edges and ``n`` counts.
        alt: For readers who cannot see it.
        axis: Title of the value axis.
        what: What is counted, in the plural.
        marks: ``(name, value)`` of lines to draw; those outside the range are left out.
    """
    low, high = float(edges[0]), float(edges[-1])
    most = max(1, math.ceil(math.log10(max(max(counts), 2))))

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * _PLOT[0]

    def y(count: float) -> float:
        # An image must be seen: 1 has a height of its own above the axis.
        share = (math.log10(count) + 0.18) / (most + 0.18) if count > 0 else 0.0
        return _TOP + (1 - share) * _PLOT[1]

    parts = [
        f'<svg class="bars" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg">'
    ]
    for power in range(most + 1):
        at = y(10**power)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">'
            f"{10**power:,}</text>"
        )
    floor = _TOP + _PLOT[1]
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if not count:
            continue
        width = max(0.8, x(right) - x(left) - 0.8)
        words = f"{format_number(float(left))} to {format_number(float(right))}: {count:,} {what}"
        parts.append(
            f'<rect class="bar" x="{x(left):.1f}" y="{y(count):.1f}" width="{width:.1f}" '
            f'height="{floor - y(count):.1f}"><title>{escape(words)}</title></rect>'
        )
    for value in ticks(low, high):
        parts.append(
            f'<text class="tick" x="{x(value):.1f}" y="{floor + 17}" text-anchor="middle">'
            f"{escape(short(value))}</text>"
        )
    parts.append(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>'
        f'<text class="title" x="{_LEFT + _PLOT[0] / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(axis)}</text>"
        f'<text class="title" x="{_LEFT - 8}" y="14" text-anchor="end">{escape(what)}</text>'
    )
    for name, value in marks:
        if math.isfinite(value) and low <= value <= high:
            side = "end" if x(value) > _WIDTH * 0.8 else "start"
            shift = -4 if side == "end" else 4
            parts.append(
                f'<line class="mark" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP - 12}" '
                f'y2="{floor}"/><text class="mark" x="{x(value) + shift:.1f}" y="{_TOP - 4}" '
                f'text-anchor="{side}">{escape(f"{name} {short(value)}")}</text>'
            )
    parts.append("</svg>")  # every text in it was escaped above
    return Markup("".join(parts))
