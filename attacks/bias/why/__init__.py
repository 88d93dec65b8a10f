"""Which units carry a gap between annotated groups, and what is left of it without them."""

from attacks.bias.why.contributions import Contributions, contributions
from attacks.bias.why.explain import explain_gap
from attacks.bias.why.task import GapTask, gap_task

__all__ = ["Contributions", "GapTask", "contributions", "explain_gap", "gap_task"]
