"""How a number reads: ``0.713 [0.655, 0.765] n=240``, everywhere the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from clipprobe.arrays import missing


def format_cell(value: Any) -> str:
    """One cell: text as it is, numbers short, estimates with interval and n, ``None`` as a dash."""
    if value is None:
        return "–"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    parts = estimate_parts(value)
    if parts is not None:
        return format_estimate(*parts)
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return format_number(value)
    return str(value)


def is_number(value: Any) -> bool:
    """Whether a cell is set to the right."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) or estimate_parts(value) is not None


def format_number(value: float | None) -> str:
    """Whole numbers with separators; others with three decimals, or in powers of ten."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "undefined"
    if isinstance(value, int):
        return f"{value:,}"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or 0.001 <= abs(value) < 1000:
        text = f"{value:,.3f}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    else:
        text = f"{value:.2e}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def decimals(value: float | Mapping[str, Any] | None, places: int = 3) -> str:
    """A number, or that of an estimate's JSON form, with fixed decimals for a sentence."""
    if isinstance(value, Mapping):
        value = cast("float | None", value["value"])
    return "undefined" if value is None or math.isnan(value) else f"{value:.{places}f}"


def format_estimate(value: Any, low: Any, high: Any, n: int, reason: str) -> str:
    """``value [low, high] n=…``; an undefined one says why."""
    if missing(value):
        return f"undefined, n={n:,}" + (f" ({reason})" if reason else "")
    if missing(low) or missing(high):
        tail = f" ({reason})" if reason else ""
        return f"{format_number(value)} [no interval] n={n:,}{tail}"
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}] n={n:,}"


def ends(low: float | None, high: float | None, form: str = ".3f") -> str:
    """``[0.655, 0.765]``, for lines of a terminal that have a form of their own."""
    if missing(low) or missing(high):
        return "[no interval]"
    return f"[{low:{form}}, {high:{form}}]"


def format_short(estimate: Any) -> str:
    """``0.71 [0.66, 0.77]``, for tables of many shares whose n stands in a column of its own."""
    parts = estimate_parts(estimate)
    if parts is None:
        return "–"
    value, low, high, n, reason = parts
    if missing(value) or missing(low) or missing(high):
        return format_estimate(value, low, high, n, reason)
    return f"{value:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")


def estimate_parts(value: Any) -> tuple[Any, Any, Any, int, str] | None:
    """``(value, low, high, n, reason)`` of an estimate or its JSON form; else ``None``."""
    if isinstance(value, Mapping):
        if not {"value", "low", "high", "n"} <= value.keys():
            return None
        numbers = [_open(value[name]) for name in ("value", "low", "high")]
        return numbers[0], numbers[1], numbers[2], int(value["n"]), str(value.get("reason") or "")
    if all(hasattr(value, name) for name in ("value", "low", "high", "n")):
        return value.value, value.low, value.high, int(value.n), str(getattr(value, "reason", ""))
    return None


def _open(value: Any) -> Any:
    return {"Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)
