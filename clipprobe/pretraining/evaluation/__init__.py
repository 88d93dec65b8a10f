"""What the bundled model can and cannot do, measured on newly drawn stimuli.

Deterministic: the same weights give the same numbers. Each number has its n and a 95 % interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import SEED, TEMPLATES, Ability, concept_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

__all__ = ["SEED", "TEMPLATES", "Ability", "evaluate"]


def evaluate(clip: Clip, *, per_concept: int = 2, with_neurons: bool = True) -> list[Ability]:
    """Measure everything that the model card says.

    Args:
        per_concept: Images of each concept and modality.
        with_neurons: Count multimodal neurons too, which takes longer than all the rest.
    """
    from clipprobe.pretraining.evaluation.neurons import neurons
    from clipprobe.pretraining.evaluation.planted import planted
    from clipprobe.pretraining.evaluation.reading import reading
    from clipprobe.pretraining.evaluation.scenes import scenes
    from clipprobe.pretraining.evaluation.sight import sight

    classifier = concept_classifier(clip)
    abilities, right = sight(clip, classifier, per_concept)
    abilities += reading(clip, classifier, right)
    abilities += scenes(clip, classifier)
    if with_neurons:
        abilities += neurons(clip)
    return abilities + planted(clip)
