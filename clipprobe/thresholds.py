"""Thresholds of a finished run: the end of an interval that speaks for the model least decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from clipprobe.errors import ConfigError, ThresholdCrossedError

Limits = Mapping[str, float]


def threshold_reader(flag: str, example: str) -> Callable[[Any], Any]:
    """A reader of ``NAME=NUMBER`` texts, or of a mapping, for ``BeforeValidator``."""

    def read(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping):
            texts = [f"{name}={number}" for name, number in value.items()]
        else:
            texts = [str(one) for one in (value if isinstance(value, list | tuple) else [value])]
        limits = {}
        for text in texts:
            name, _, number = text.partition("=")
            try:
                limits[name.strip()] = float(number)
            except ValueError:
                number = "nan"
            if not math.isfinite(float(number)):
                raise ConfigError(
                    f"{flag} {text!r} is not NAME=NUMBER: give for example {example}."
                )
        return value if isinstance(value, Mapping) else limits

    return read


def check_thresholds(
    limits: Limits | None, known: Collection[str], *, over: bool = False, listed: str = ""
) -> None:
    """Refuse thresholds that make no sense.

    Args:
        known: The figures that can have one.
        over: Whether the figures should be low.
        listed: How a message names the figures; default: all of them.
    Raises:
        ConfigError: there is no such figure, or the number is not a share.
    """
    for name, limit in (limits or {}).items():
        if name not in known:
            raise ConfigError(
                f"A {'largest' if over else 'least'} value was given for {name!r}: it can be given "
                f"for {listed or ', '.join(known)}."
            )
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit <= 1:
            raise ConfigError(
                f"The threshold {name}={limit!r} is not a share: give a number from 0 to 1."
            )


def headline_figures(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The estimates of a summary's headline by their names."""
    return {item["name"]: item["estimate"] for item in summary["headline"]}


def hold(settings: Any, summary: Mapping[str, Any]) -> bool:
    """Hold the headline of a summary to the thresholds of a study's settings.

    Args:
        settings: With ``fail_under``, and ``fail_over`` where the study has it.
    Returns:
        Whether there were any.
    Raises:
        ConfigError, ThresholdCrossedError: see :func:`enforce`.
    """
    over = getattr(settings, "fail_over", None)
    return enforce(headline_figures(summary), settings.fail_under, over)


def enforce(
    figures: Mapping[str, Mapping[str, Any]], under: Limits | None, over: Limits | None = None
) -> bool:
    """Compare the ends of the intervals with the thresholds; False where there are none.

    Args:
        figures: Estimates in their JSON form, by name.
    Raises:
        ConfigError: there is no such figure, or the number is not a share.
        ThresholdCrossedError: a lower end lies under its threshold, an upper end over its own, or
            one is undefined; names every such figure.
    """
    check_thresholds(under, figures)
    check_thresholds(over, figures, over=True)
    limits = [(name, limit, "low") for name, limit in (under or {}).items()]
    limits += [(name, limit, "high") for name, limit in (over or {}).items()]
    crossed = [text for one in limits if (text := _crossing(figures[one[0]], *one))]
    if crossed:
        raise ThresholdCrossedError(" ".join(crossed))
    return bool(limits)


def _crossing(estimate: Mapping[str, Any], name: str, limit: float, end: str) -> str:
    """The sentence of a figure whose ``low`` or ``high`` end crosses its threshold, else empty."""
    bound, low = estimate[end], end == "low"
    if bound is None or isinstance(bound, str):
        return (
            f"{name} has no interval ({estimate['reason']}), so it cannot be shown to "
            f"{'reach' if low else 'stay under'} {limit:g}."
        )
    if (bound < limit) if low else (bound > limit):
        return (
            f"{name} is {estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"
            f" n={estimate['n']}: the {'lower' if low else 'upper'} end of its interval is "
            f"{'under' if low else 'over'} {limit:g}."
        )
    return ""
