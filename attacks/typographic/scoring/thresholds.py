"""Thresholds of an audit: decided on the end of the interval that speaks for the model least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clipprobe.errors import ConfigError, ThresholdCrossedError

#: Better when higher: for ``--fail-under``.
HIGHER = ("clean_accuracy", "attacked_accuracy")
#: Better when lower: for ``--fail-over``.
LOWER = ("targeted_success", "untargeted_success", "reading_effect")
#: Lists of candidates that a name may start with, as in ``union.attacked_accuracy``.
SETS = ("pairwise", "union", "full")


def check_thresholds(thresholds: Mapping[str, float], *, over: bool = False) -> dict[str, float]:
    """``fail_under`` (``fail_over``) after checking its names and numbers.

    Raises:
        ConfigError: the name is not one that should be high (low), or the number is no share.
    """
    names = LOWER if over else HIGHER
    kind, better = ("largest", "lower") if over else ("least", "higher")
    for name, limit in thresholds.items():
        first, _, rest = str(name).rpartition(".")
        if rest not in names or (first and first not in SETS):
            raise ConfigError(
                f"A {kind} value was given for {name!r}: it can be given for "
                f"{', '.join(names[:-1])} and {names[-1]}, which are better when {better}, also as "
                f"{', '.join(f'{s}.{names[-1]}' for s in SETS)}."
            )
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit <= 1:
            raise ConfigError(
                f"The threshold {name}={limit!r} is no share: give a number from 0 to 1."
            )
    return dict(thresholds)


def enforce(
    under: Mapping[str, float],
    summary: Mapping[str, Any],
    over: Mapping[str, float] | None = None,
) -> None:
    """Compare the ends of the intervals with the thresholds.

    Raises:
        ThresholdCrossedError: a lower end lies under its threshold, an upper end over its own, or
            one is undefined.
    """
    for name, limit, end, side in _asked(under, over or {}):
        found = _estimate(name, summary)
        bound = found[end]
        if bound is None:
            raise ThresholdCrossedError(
                f"{name} has no interval ({found['reason']}), so it cannot be shown to "
                f"{'reach' if end == 'low' else 'stay under'} {limit:g}."
            )
        if (bound < limit) if end == "low" else (bound > limit):
            value, low, high, n = (found[key] for key in ("value", "low", "high", "n"))
            raise ThresholdCrossedError(
                f"{name} is {value:.3f} [{low:.3f}, {high:.3f}] n={n}: the {side} end of its "
                f"interval is {'under' if end == 'low' else 'over'} {limit:g}."
            )


def _asked(
    under: Mapping[str, float], over: Mapping[str, float]
) -> Iterator[tuple[str, float, str, str]]:
    yield from ((name, limit, "low", "lower") for name, limit in under.items())
    yield from ((name, limit, "high", "upper") for name, limit in over.items())


def _estimate(name: str, summary: Mapping[str, Any]) -> Mapping[str, Any]:
    first, _, rest = name.rpartition(".")
    if first:
        found: Mapping[str, Any] = summary["candidate_sets"][first][rest]
        return found
    return next(item["estimate"] for item in summary["headline"] if item["name"] == rest)
