"""Which figures of an audit can have a threshold, and on which side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.thresholds import Limits, check_thresholds, headline_figures

#: Better when higher: for ``--fail-under``.
HIGHER = ("clean_accuracy", "attacked_accuracy")
#: Better when lower: for ``--fail-over``.
LOWER = ("targeted_success", "untargeted_success", "reading_effect")
#: Lists of candidates that a name may start with, as in ``union.attacked_accuracy``.
SETS = ("pairwise", "union", "full")


def check_limits(under: Limits | None, over: Limits | None) -> None:
    """Refuse thresholds that make no sense, before the work.

    Raises:
        ConfigError: the name is not one that should be high (low), or the number is not a share.
    """
    for limits, names, better in ((under, HIGHER, "higher"), (over, LOWER, "lower")):
        check_thresholds(
            limits,
            [*names, *(f"{one}.{name}" for one in SETS for name in names)],
            over=names is LOWER,
            listed=f"{', '.join(names[:-1])} and {names[-1]}, which are better when {better}, also "
            f"as {', '.join(f'{one}.{names[-1]}' for one in SETS)}",
        )


def figures(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What can have a threshold: the headline, and the same among each list of candidates."""
    sets = summary["candidate_sets"]
    return headline_figures(summary) | {
        f"{one}.{name}": sets[one][name] for one in SETS for name in (*HIGHER, *LOWER)
    }
