"""The chart of mitigations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go


def change_chart(changes: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Measures before and after a mitigation, with intervals.

    Args:
        changes: ``measure``, ``about``, ``before`` and ``after`` (estimates) each.
    """
    from clipprobe.figures.common import interval_bars

    return interval_bars(
        [f"{c['measure']}, {c['about']}" for c in changes],
        {"before": [c["before"] for c in changes], "after": [c["after"] for c in changes]},
        axis="aligned d, or share right",
        height=340,
    )
