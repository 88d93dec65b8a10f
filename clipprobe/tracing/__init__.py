"""Which units carry a score: contributions, ranking, confirmation, removal beside random sets.

A new claim costs a :class:`Score`; :func:`trace` does the rest.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.tracing.contributions import Contributions as Contributions
    from clipprobe.tracing.removal import Removal as Removal
    from clipprobe.tracing.run import Trace as Trace
    from clipprobe.tracing.run import trace as trace
    from clipprobe.tracing.score import Score as Score
    from clipprobe.tracing.tracer import Tracer as Tracer

__getattr__, __dir__ = later(__name__)
