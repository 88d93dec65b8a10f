"""What a unit does: its direct effect on a score, its total effect, and what it is like."""

from clipprobe.neurons.effects.decomposition import Decomposition, decompose

__all__ = ["Decomposition", "decompose"]
