"""Tables about one unit, and how their numbers are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clipprobe.statistics import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRows:
    """One table about one unit.

    Attributes:
        caption: What it shows, with what it is compared with.
        columns: The head.
        rows: Cells of a report: text, numbers, estimates, None.
        warning: What the reader must know before; empty if nothing.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    warning: str = ""


def interval(value: float, low: float, high: float, n: int, reason: str) -> Estimate:
    """An estimate from the columns of a table, null read as NaN."""
    unknown = any(missing(one) for one in (value, low, high))
    return Estimate(
        value=_float(value),
        low=_float(low),
        high=_float(high),
        n=int(n),
        method="95 %",
        reason=reason if unknown else "",
    )


def of_row(row: Mapping[str, Any]) -> Estimate:
    """The same from a row with the columns of an estimate."""
    reason = row["reason"] or "it is undefined"
    return interval(row["value"], row["low"], row["high"], row["n"], reason)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def missing(value: float | None) -> bool:
    """Whether a number is undefined."""
    return value is None or math.isnan(value)


def number(value: float | None) -> str:
    """A number in a sentence."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.2f}"


def descending(value: Any) -> float:
    """A key that puts the largest number first and what is undefined last."""
    known = isinstance(value, int | float) and value == value
    return -float(value) if known else math.inf
