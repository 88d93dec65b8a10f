"""The parts of a chart in SVG: no script, readable on any page.

For pages of documentation and pages that are made by the hundred, where an interactive chart cannot
stand.
"""

from __future__ import annotations

import math

from markupsafe import escape

INK, FAINT, PAPER = "#222222", "#d8d8d8", "#ffffff"


def opened(width: float, height: float, alt: str) -> list[str]:
    """The first elements of a chart on white paper; ``alt`` is for readers who cannot see it."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(alt)}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]


def text(
    x: float, y: float, words: str, colour: str = INK, anchor: str = "start", weight: str = "normal"
) -> str:
    """Words that begin, end or have their middle at a place."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def line(x0: float, y0: float, x1: float, y1: float, colour: str, *, dashed: bool = False) -> str:
    """A straight line."""
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
        f'stroke-width="1.3"{dash}/>'
    )


def ticks(low: float, high: float) -> list[float]:
    """About six round values within a range."""
    step = 10.0 ** math.floor(math.log10((high - low) / 5))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= 7)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number for an axis."""
    return f"{value:.3g}".replace("-", "−") if value else "0"
