"""What a unit does: its direct effect on a score, its total effect, and what it is like."""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from clipprobe.neurons.effects.agreement import Agreement as Agreement
    from clipprobe.neurons.effects.agreement import agreements as agreements
    from clipprobe.neurons.effects.agreement import site_effects as site_effects
    from clipprobe.neurons.effects.composing.composition import Composition as Composition
    from clipprobe.neurons.effects.composing.composition import compose as compose
    from clipprobe.neurons.effects.composing.store import Compositions as Compositions
    from clipprobe.neurons.effects.composing.store import composition_run as composition_run
    from clipprobe.neurons.effects.decomposition import Decomposition as Decomposition
    from clipprobe.neurons.effects.decomposition import decompose as decompose
    from clipprobe.neurons.effects.first_order import PredictedEffects as PredictedEffects
    from clipprobe.neurons.effects.first_order import attribution_patching as attribution_patching
    from clipprobe.neurons.effects.similar import SimilarUnits as SimilarUnits
    from clipprobe.neurons.effects.similar import similar_units as similar_units
    from clipprobe.neurons.effects.similar_store import similar_run as similar_run
    from clipprobe.neurons.effects.store import EffectComparison as EffectComparison
    from clipprobe.neurons.effects.store import compare_effects as compare_effects
    from clipprobe.neurons.effects.total import UnitEffect as UnitEffect
    from clipprobe.neurons.effects.total import total_effects as total_effects

__all__ = [
    "Agreement",
    "Composition",
    "Compositions",
    "Decomposition",
    "EffectComparison",
    "PredictedEffects",
    "SimilarUnits",
    "UnitEffect",
    "agreements",
    "attribution_patching",
    "compare_effects",
    "compose",
    "composition_run",
    "decompose",
    "similar_run",
    "similar_units",
    "site_effects",
    "total_effects",
]

_HERE = "clipprobe.neurons.effects"
_LATER = {
    **dict.fromkeys(("Agreement", "agreements", "site_effects"), f"{_HERE}.agreement"),
    **dict.fromkeys(("Composition", "compose"), f"{_HERE}.composing.composition"),
    **dict.fromkeys(("Compositions", "composition_run"), f"{_HERE}.composing.store"),
    **dict.fromkeys(("Decomposition", "decompose"), f"{_HERE}.decomposition"),
    **dict.fromkeys(("PredictedEffects", "attribution_patching"), f"{_HERE}.first_order"),
    **dict.fromkeys(("SimilarUnits", "similar_units"), f"{_HERE}.similar"),
    "similar_run": f"{_HERE}.similar_store",
    **dict.fromkeys(("EffectComparison", "compare_effects"), f"{_HERE}.store"),
    **dict.fromkeys(("UnitEffect", "total_effects"), f"{_HERE}.total"),
}
__getattr__ = later(__name__, _LATER)
