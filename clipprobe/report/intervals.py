"""Estimates with their intervals, a row each: a picture of a result without a script.

The tracks stretch with the page while type keeps its size, so that one form serves a wide screen,
a phone and paper; the numbers stand beside the marks and need no caption.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from clipprobe.arrays import missing
from clipprobe.figures.svg import ticks
from clipprobe.report.cells import breakable, plain_number
from clipprobe.report.words import need, parts_of, value_of

_STEP, _PAD = 17, 11
"""Pixels of a series within a row, and above and below it."""
_AXIS = 26
_REASONS = 2
"""Reasons below the chart; the tables have all."""
_MARKS = (
    '<circle r="5.5"/>',
    '<rect x="-5" y="-5" width="10" height="10"/>',
    '<path d="M0-6.5L6.5 0L0 6.5L-6.5 0Z"/>',
)

Row = tuple[str, str, Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Estimates over one axis.

    Attributes:
        rows: Name, note, and one estimate (or its JSON form, or None) for each series.
        axis: What the axis measures, with its unit.
        alt: What the chart shows, in words.
        series: Names of the series, at most three; one without a name needs no legend.
        mark: ``(name, value)`` of a line to compare with: chance, no difference.
        percent: Whether values are shares, to be read in per cent.
    """

    rows: Sequence[Row]
    axis: str
    alt: str
    series: Sequence[str] = ("",)
    mark: tuple[str, float] | None = None
    percent: bool = False

    def __post_init__(self) -> None:
        need(self.alt, "A picture of intervals", "alt text")


def tracks(block: Intervals) -> dict[str, Any]:
    """What the template needs: a track and words for each row, and the axis."""
    low, high = _span(block)
    places = [(at, _percent_of(at, low, high)) for at in ticks(low, high)]
    grid = "".join(
        f'<line class="grid" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="100%"/>' for _, x in places
    )
    if block.mark is not None and math.isfinite(block.mark[1]):
        x = _percent_of(block.mark[1], low, high)
        grid += f'<line class="mark" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="100%"/>'
    rows: list[dict[str, Any]] = []
    for name, note, estimates in block.rows:
        height = _STEP * len(estimates) + _PAD
        marks = "".join(_marks(one, number, low, high) for number, one in enumerate(estimates))
        rows.append(
            {
                "name": breakable(name),
                "note": breakable(note),
                "track": Markup(f'<svg height="{height}" aria-hidden="true">{grid}{marks}</svg>'),
                "said": [_as_text(one, block.percent) for one in estimates if one is not None],
            }
        )
    labels = "".join(
        f'<text x="{x:.2f}%" y="14" text-anchor="{_anchor(x)}">'
        f"{escape(_tick(at, block.percent))}</text>"
        for at, x in places
    )
    legend = [
        (Markup(f'<svg class="key" viewBox="-8 -8 16 16">{_mark(number)}</svg>'), name)
        for number, name in enumerate(block.series)
        if name
    ]
    reasons = dict.fromkeys(
        texts["reason"] for row in rows for texts in row["said"] if texts["reason"]
    )
    return {
        "rows": rows,
        "reasons": list(reasons)[:_REASONS],
        "axis": Markup(f'<svg height="{_AXIS}" aria-hidden="true">{labels}</svg>'),
        "legend": legend,
        "mark": "" if block.mark is None else block.mark[0],
    }


def _marks(estimate: Any, number: int, low: float, high: float) -> str:
    if estimate is None:
        return ""
    value, under, over, _, _ = parts_of(estimate)
    if missing(value):
        return ""
    y = _PAD / 2 + _STEP * (number + 0.5)
    line = ""
    if not (missing(under) or missing(over)):
        ends = [_percent_of(min(max(end, low), high), low, high) for end in (under, over)]
        line = (
            f'<line class="s{number}" x1="{ends[0]:.2f}%" x2="{ends[1]:.2f}%" '
            f'y1="{y:g}" y2="{y:g}"/>'
        )
    x = _percent_of(min(max(value, low), high), low, high)
    return f'{line}<svg x="{x:.2f}%" y="{y:g}" overflow="visible">{_mark(number)}</svg>'


def _mark(number: int) -> str:
    return f'<g class="s{number}">{_MARKS[number]}</g>'


def _as_text(estimate: Any, percent: bool) -> dict[str, str]:
    """The number, its interval and n, and why there is none."""
    value, low, high, n, reason = parts_of(estimate)
    if missing(value):
        return {"value": "undefined", "interval": f"n={n:,}", "reason": reason}

    def text(number: float) -> str:
        return f"{100 * number:.0f}".replace("-", "−") if percent else plain_number(number)

    known = not (missing(low) or missing(high))
    interval = f"[{text(low)}, {text(high)}] n={n:,}" if known else f"n={n:,}"
    return {
        "value": text(value) + (" %" if percent else ""),
        "interval": interval,
        "reason": "" if known else reason,
    }


def _span(block: Intervals) -> tuple[float, float]:
    """The range of the axis: everything that is finite, with room at both ends."""
    numbers = [0.0, 1.0] if block.percent and _within(block) else []
    if block.mark is not None:
        numbers.append(block.mark[1])
    for _, _, estimates in block.rows:
        for one in estimates:
            ends = () if one is None else parts_of(one)[:3]
            numbers += [end for end in ends if end is not None]
    finite = [float(end) for end in numbers if math.isfinite(end)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    room = 0.04 * (high - low)
    return low - room, high + room


def _within(block: Intervals) -> bool:
    """Whether every share lies between 0 and 1, so that the whole axis is worth showing."""
    estimates = [one for *_, row in block.rows for one in row if one is not None]
    known = [value for one in estimates if not math.isnan(value := value_of(one))]
    return all(0 <= value <= 1 for value in known) and max(known, default=1.0) > 0.3


def _percent_of(value: float, low: float, high: float) -> float:
    return 100 * (value - low) / (high - low)


def _anchor(x: float) -> str:
    return "start" if x < 3 else "end" if x > 97 else "middle"


def _tick(value: float, percent: bool) -> str:
    text = f"{100 * value:.3g} %" if percent else f"{value:.3g}" if value else "0"
    return text.replace("-", "−")
