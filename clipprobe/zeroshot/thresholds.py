"""Thresholds of the audits of this package: the lower end of a headline's interval decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from clipprobe.errors import ConfigError, ThresholdCrossedError


def read_thresholds(texts: Any) -> Any:
    """``NAME=NUMBER`` texts as a mapping, for ``BeforeValidator``; a mapping is left as it is."""
    if not isinstance(texts, list | tuple):
        return texts
    found = {}
    for text in texts:
        name, _, number = str(text).partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            raise ConfigError(
                f"--fail-under {text!r} is not NAME=NUMBER: give for example zero_shot=0.6."
            ) from None
    return found


def enforce(under: Mapping[str, float] | None, summary: Mapping[str, Any]) -> bool:
    """Compare the lower ends of headline figures with their thresholds; False where there are none.

    Raises:
        ConfigError: there is no such figure, or the threshold is not a number.
        ThresholdCrossedError: a lower end is under its threshold, or undefined.
    """
    figures = {item["name"]: item["estimate"] for item in summary["headline"]}
    for name, limit in (under or {}).items():
        if name not in figures or not math.isfinite(limit):
            raise ConfigError(
                f"A least value of {limit!r} was given for {name!r}: give a number for one of "
                f"{', '.join(figures)}."
            )
        found = figures[name]
        low = found["low"]
        if low is None or isinstance(low, str) or low < limit:
            raise ThresholdCrossedError(
                f"{name} is {found['value']} [{low}, {found['high']}] n={found['n']}: the lower "
                f"end of its interval is not at {limit:g}."
            )
    return bool(under)
