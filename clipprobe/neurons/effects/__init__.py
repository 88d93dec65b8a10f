"""What a unit does: its direct effect on a score, its total effect, and what it is like."""

from clipprobe.neurons.effects.decomposition import Decomposition, decompose
from clipprobe.neurons.effects.total import UnitEffect, total_effects

__all__ = ["Decomposition", "UnitEffect", "decompose", "total_effects"]
