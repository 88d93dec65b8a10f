"""Which units carry a gap between annotated groups, and what is left of it without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.bias.gap.explain import explain_gap as explain_gap
    from attacks.bias.gap.task import GapTask as GapTask
    from attacks.bias.gap.task import gap_task as gap_task

__all__ = ["GapTask", "explain_gap", "gap_task"]

__getattr__ = later(
    __name__,
    {
        "GapTask": "attacks.bias.gap.task",
        "explain_gap": "attacks.bias.gap.explain",
        "gap_task": "attacks.bias.gap.task",
    },
)
