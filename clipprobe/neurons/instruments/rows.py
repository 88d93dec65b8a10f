"""Tables about one unit, and how their numbers are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clipprobe.arrays import missing
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run says of one unit in a sentence, beside what it is compared with.

    Attributes:
        text: The sentence.
        name: What the unit is called; empty where the instrument gives no name, or this unit none.
        score: How well the name holds, in a few words.
        seeks_name: Whether the instrument looked for a name.
    """

    text: str
    name: str = ""
    score: str = ""
    seeks_name: bool = False


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


def number(value: float | None) -> str:
    """A number in a sentence."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.2f}"


def short_of_one(value: float | None) -> str:
    """A number that never reads 1.00 where it is less: ``0.97``, ``0.998``."""
    text = number(value)
    if value is None or text != "1.00" or value >= 1:
        return text
    return f"{math.floor(1000 * value) / 1000:.3f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval in a sentence, as ``0.97 [0.94, 0.99]``."""
    if missing(low) or missing(high):
        return short_of_one(value)
    return f"{short_of_one(value)} [{short_of_one(low)}, {short_of_one(high)}]"


def level(name: str, value: float | None) -> str:
    """A p- or q-value in a sentence: ``q < 0.001``, ``q = 0.034``."""
    if value is None or math.isnan(value):
        return f"{name} undefined"
    return f"{name} < 0.001" if value < 0.001 else f"{name} = {value:.2g}"


def descending(value: Any) -> float:
    """A key that puts the largest number first and what is undefined last."""
    known = isinstance(value, int | float) and value == value
    return -float(value) if known else math.inf
