"""What the bundled model can and cannot do, measured on newly drawn stimuli.

Deterministic: the same weights give the same numbers. Each number has its n and a 95 % interval.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import PARTS as PARTS
from clipprobe.pretraining.evaluation.ability import SEED as SEED
from clipprobe.pretraining.evaluation.ability import TEMPLATES as TEMPLATES
from clipprobe.pretraining.evaluation.ability import Ability as Ability
from clipprobe.pretraining.evaluation.ability import concept_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip


def evaluate(
    clip: Clip,
    *,
    per_concept: int = 2,
    parts: Collection[str] = PARTS,
    on_part: Callable[[int], None] | None = None,
) -> list[Ability]:
    """Measure everything that the model card says.

    Args:
        per_concept: Images of each concept and modality.
        parts: Of :data:`PARTS`; ``neurons`` takes longer than all the rest, and ``planted`` has a
            meaning only for a model trained by the recipe.
        on_part: Called with 1 whenever a part is done.
    """
    from clipprobe.pretraining.evaluation.neurons import neurons
    from clipprobe.pretraining.evaluation.other_hand import other_hand
    from clipprobe.pretraining.evaluation.planted import planted
    from clipprobe.pretraining.evaluation.profiles import profiles
    from clipprobe.pretraining.evaluation.reading import reading
    from clipprobe.pretraining.evaluation.scenes import scenes
    from clipprobe.pretraining.evaluation.sight import sight
    from clipprobe.pretraining.evaluation.unseen import unseen

    classifier = concept_classifier(clip)
    view, right = sight(clip, classifier, per_concept)  # reading asks about what was seen right
    measure: dict[str, Callable[[], list[Ability]]] = {
        "sight": lambda: view,
        "reading": lambda: reading(clip, classifier, right),
        "scenes": lambda: scenes(clip, classifier),
        "other_hand": lambda: other_hand(clip, classifier),
        "unseen": lambda: unseen(clip),
        "profiles": lambda: profiles(clip),
        "neurons": lambda: neurons(clip),
        "planted": lambda: planted(clip),
    }
    abilities = []
    for part in PARTS:
        if part in parts:
            abilities += [replace(one, about=part) for one in measure[part]()]
            if on_part is not None:
                on_part(1)
    return abilities
