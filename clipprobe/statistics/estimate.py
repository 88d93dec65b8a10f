"""A number with its interval, its denominator and the name of its method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One score and how sure we are of it.

    ``value``: the point estimate, in the score's own unit; NaN where it is undefined.
    ``low``, ``high``: ends of the interval, same unit; NaN where no interval can be had.
    ``n``: the number of observations behind it (not of clusters, not of resamples).
    ``method``: how the interval was made, e.g. ``"Wilson, 95 %"``.
    ``reason``: why the value or the interval is undefined, or how it can mislead; else empty.
    """

    value: float
    low: float
    high: float
    n: int
    method: str
    reason: str = ""

    def __post_init__(self) -> None:
        missing = math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high)
        if missing and not self.reason:
            raise ValueError("an Estimate that holds NaN must say why in `reason`")

    @property
    def defined(self) -> bool:
        """Whether there is a value (an interval may still be absent)."""
        return not math.isnan(self.value)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; NaN becomes null, with ``reason`` beside it."""
        return {
            "value": _null(self.value),
            "low": _null(self.low),
            "high": _null(self.high),
            "n": self.n,
            "method": self.method,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Estimate:
        """The inverse of :meth:`to_json`."""
        return cls(
            value=_nan(data["value"]),
            low=_nan(data["low"]),
            high=_nan(data["high"]),
            n=int(data["n"]),
            method=str(data["method"]),
            reason=str(data.get("reason", "")),
        )


def undefined(reason: str, *, n: int = 0, method: str = "none") -> Estimate:
    """An estimate that does not exist, and why: NaN, never 0."""
    return Estimate(value=math.nan, low=math.nan, high=math.nan, n=n, method=method, reason=reason)


def census(value: float, n: int, method: str = "count of all units", reason: str = "") -> Estimate:
    """A number about all units there are: no sampling of units gives it an interval.

    Args:
        reason: Why it is undefined, or another sentence; by default that it is a census.
    """
    why = reason or "a census of the units, so there is no sampling of units to give an interval"
    return replace(undefined(why, n=n, method=method), value=value)


def _null(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def percent(level: float) -> str:
    """``0.95`` -> ``"95 %"``; a level outside (0, 1) is refused."""
    if not 0 < level < 1:
        raise ConfigError(f"A confidence level lies between 0 and 1, but {level!r} was given.")
    return f"{100 * level:g} %"


def finite(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """The values as a float64 vector; NaN and infinity are refused and counted."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"{what} must be one row of numbers, but has the shape {array.shape}.")
    broken = int(np.count_nonzero(~np.isfinite(array)))
    if broken:
        raise DataError(
            f"{what} holds {broken} NaN or infinite value(s) of {array.size}: "
            "leave those observations out, and count them."
        )
    return array


def boolean(values: ArrayLike, what: str) -> NDArray[np.bool_]:
    """The values as a boolean vector; anything but true/false/0/1 is refused."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"{what} must be one row of yes/no, but has the shape {array.shape}.")
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise DataError(f"{what} must hold only true and false (or 1 and 0).")
    return array.astype(np.bool_)
