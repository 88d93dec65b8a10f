"""Estimates as a sentence says them: ``115 of 224 (51 %)``, ``+51 points [45, 58]``.

For the verdicts that open reports. Every function takes an estimate or its JSON form.
"""

from __future__ import annotations

import math
from typing import Any

from clipprobe.arrays import missing
from clipprobe.errors import ConfigError
from clipprobe.report.numbers import estimate_parts

SCARCE = 0.01
"""Shares below this are said as a count."""


def need(text: str, what: str, part: str) -> None:
    """Refuse a block that says nothing to those who cannot see it."""
    if not text.strip():
        raise ConfigError(f"{what} of a report has no {part}: say in words what it shows.")


def value_of(estimate: Any) -> float:
    """The value; NaN where it is undefined."""
    value = parts_of(estimate)[0]
    return math.nan if value is None else float(value)


def is_defined(estimate: Any) -> bool:
    """Whether there is a value."""
    return not math.isnan(value_of(estimate))


def side_of(estimate: Any, at: float = 0.0) -> int:
    """1 where the whole interval lies above ``at``, -1 where it lies below, else 0."""
    value, low, high, _, _ = parts_of(estimate)
    if any(map(missing, (value, low, high))):
        return 0
    return int(low > at) - int(high < at)


def counted(estimate: Any) -> str:
    """A share as a count, ``115 of 224``; where it is not one, the percentage."""
    value, _, _, n, _ = parts_of(estimate)
    whole = None if missing(value) else count_of(value, n)
    return percent(estimate) if whole is None else f"{whole:,} of {n:,}"


def count_of(value: float, n: int) -> int | None:
    """How many of ``n`` a share counts; None where it is not a share of ``n`` things."""
    if not 0 <= value <= 1 or n < 1 or abs(value * n - round(value * n)) > 1e-6 * max(1, n):
        return None
    return round(value * n)


def percent(estimate: Any) -> str:
    """``51 %``, without the interval."""
    scaled = 100 * value_of(estimate)
    if math.isnan(scaled):
        return "undefined"
    return f"{scaled:.{_places(scaled)}f} %".replace("-", "−")


def share(estimate: Any) -> str:
    """``51 % [45, 58], n = 224``."""
    return _as_text(estimate, scale=100, places=None, unit=" %")


def points(estimate: Any) -> str:
    """A difference of shares: ``+51 points [+45, +58], n = 224``."""
    return _as_text(estimate, scale=100, places=None, unit=" points", signed=True)


def amount(estimate: Any, places: int = 2, *, signed: bool = False) -> str:
    """``0.51 [0.45, 0.58], n = 224``."""
    return _as_text(estimate, scale=1, places=places, unit="", signed=signed)


def chance_of(p: float | None) -> str:
    """``p = 0.043``, or ``p < 0.001``."""
    if p is None or math.isnan(p):
        return "p undefined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def reason_of(estimate: Any) -> str:
    """Why there is no value, or no interval."""
    return parts_of(estimate)[4] or "no reason was recorded"


def _as_text(
    estimate: Any, *, scale: int, places: int | None, unit: str, signed: bool = False
) -> str:
    value, low, high, n, reason = parts_of(estimate)
    if missing(value):
        return f"undefined, n = {n:,}" + (f" ({reason})" if reason else "")

    def text(number: float) -> str:
        if math.isinf(number):
            return "∞" if number > 0 else "−∞"
        scaled = number * scale
        digits = _places(scaled) if places is None else places
        written = f"{scaled:{'+' if signed else ''}.{digits}f}"
        return written.replace("-", "−")

    ends = "no interval"
    if not (missing(low) or missing(high)):
        ends = f"[{text(low)}, {text(high)}]"
    return f"{text(value)}{unit} {ends}, n = {n:,}"


def _places(scaled: float) -> int:
    """Decimals of a percentage: one where whole numbers would say 0 or 100 of something else."""
    near = min(abs(scaled), abs(100 - abs(scaled)))
    return 1 if 0 < near < 0.95 else 0


def parts_of(estimate: Any) -> tuple[Any, Any, Any, int, str]:
    """Value, both ends, n and reason of what is an estimate."""
    parts = estimate_parts(estimate)
    if parts is None:
        raise ConfigError(f"{estimate!r} is not an estimate: give value, low, high and n.")
    return parts
