"""What a unit does: its direct effect on a score, its total effect, and what it is like."""

from clipprobe.neurons.effects.agreement import Agreement, agreements, site_effects
from clipprobe.neurons.effects.compose import Composition, compose
from clipprobe.neurons.effects.decomposition import Decomposition, decompose
from clipprobe.neurons.effects.first_order import PredictedEffects, attribution_patching
from clipprobe.neurons.effects.similar import SimilarUnits, similar_units
from clipprobe.neurons.effects.total import UnitEffect, total_effects

__all__ = [
    "Agreement",
    "Composition",
    "Decomposition",
    "PredictedEffects",
    "SimilarUnits",
    "UnitEffect",
    "agreements",
    "attribution_patching",
    "compose",
    "decompose",
    "similar_units",
    "site_effects",
    "total_effects",
]
