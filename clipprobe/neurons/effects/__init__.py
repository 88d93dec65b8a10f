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

__getattr__, __dir__ = later(__name__)
