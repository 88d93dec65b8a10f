"""Tables about one unit, and how their numbers are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.statistics import Estimate

if TYPE_CHECKING:
    from clipprobe.runs import RunView

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRows:
    """One table about one unit.

    Attributes:
        run: The run that holds it.
        caption: What it shows, with what it is compared with.
        columns: The head.
        rows: Cells of a report: text, numbers, estimates, None.
        warning: What the reader must know before; empty if nothing.
    """

    run: RunView
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of the runs of an instrument is shown.

    Attributes:
        tables: Parquet tables with ``site`` and ``unit``.
        make: ``(run, table name -> rows about the unit)`` -> what is shown.
    """

    tables: tuple[str, ...]
    make: Callable[[RunView, Mapping[str, Rows]], list[UnitRows]]


def interval(value: float, low: float, high: float, n: int, reason: str) -> Estimate:
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
    reason = row["reason"] or "it is undefined"
    return interval(row["value"], row["low"], row["high"], row["n"], reason)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def number(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.2f}"
