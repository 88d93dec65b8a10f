"""Which units carry a gap between annotated groups, and what is left of it without them."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.bias.gap.explain import explain_gap as explain_gap
    from attacks.bias.gap.task import GapTask as GapTask
    from attacks.bias.gap.task import gap_task as gap_task

__getattr__, __dir__ = later(__name__)
