"""The same questions on images by another hand.

A second renderer, written apart from the one that draws the training images, before the weights
that it measures first, and not tuned since: its own backgrounds, layout, letters and way of
reducing. Only the sprites and the never-trained typefaces are shared. What a model can do on the
first renderer alone is worth less than the home numbers say; this is by how much. Nothing that
training runs may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.pretraining.evaluation.ability import Ability, Floats

if TYPE_CHECKING:
    from clipprobe.models import Clip


def other_hand(clip: Clip, classifier: Floats) -> list[Ability]:
    """One thing, labels on it, several things, and ink, all by the second renderer.

    Args:
        classifier: ``(n_concepts, d)``.
    """
    from clipprobe.pretraining.evaluation.other_hand.inks import inks
    from clipprobe.pretraining.evaluation.other_hand.labels import labels
    from clipprobe.pretraining.evaluation.other_hand.many import many
    from clipprobe.pretraining.evaluation.other_hand.one import one

    return [*one(clip, classifier), *labels(clip, classifier), *many(clip, classifier), *inks(clip)]
