"""Which units carry a score: contributions, ranking, confirmation, removal beside random sets.

A new claim costs a :class:`Score`; :func:`trace` does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.tracing.contributions import Contributions as Contributions
    from clipprobe.tracing.removal import Removal as Removal
    from clipprobe.tracing.run import Trace as Trace
    from clipprobe.tracing.run import trace as trace
    from clipprobe.tracing.score import Score as Score
    from clipprobe.tracing.tracer import Tracer as Tracer

__all__ = ["Contributions", "Removal", "Score", "Trace", "Tracer", "trace"]

__getattr__ = later(
    __name__,
    {
        "Contributions": "clipprobe.tracing.contributions",
        "Removal": "clipprobe.tracing.removal",
        "Score": "clipprobe.tracing.score",
        "Tracer": "clipprobe.tracing.tracer",
        **dict.fromkeys(("Trace", "trace"), "clipprobe.tracing.run"),
    },
)
