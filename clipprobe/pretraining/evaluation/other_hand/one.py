"""One thing or one word on an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clipprobe.pretraining.evaluation.ability import Ability, Floats
from clipprobe.pretraining.evaluation.other_hand import images
from clipprobe.pretraining.evaluation.other_hand.asking import Answers, rng_of, scores, share
from clipprobe.stimuli.concepts import Concept, concepts
from clipprobe.stimuli.splits import TRAINED_STYLES, UNSEEN_STYLES

if TYPE_CHECKING:
    from clipprobe.models import Clip

PER_CONCEPT = 2
_CHANGED = "other backgrounds, sizes and places, half mirrored, a third cut by the edge"


def one(clip: Clip, classifier: Floats) -> list[Ability]:
    """Top-1 accuracy on pictures, words and the unseen style.

    Args:
        classifier: ``(n_concepts, d)``.
    """
    names = concepts()

    def top_1(task: int, draw: Callable[[Concept, np.random.Generator], Image.Image]) -> Answers:
        def scenes() -> Iterator[Image.Image]:
            for index in range(PER_CONCEPT * len(names)):
                yield draw(names[index % len(names)], rng_of(task, index))

        answers: Answers = scores(clip, scenes(), classifier).argmax(axis=1)
        return answers

    def picture(concept: Concept, rng: np.random.Generator) -> Image.Image:
        return images.thing(concept.name, TRAINED_STYLES[int(rng.integers(2))], rng)

    def unseen(concept: Concept, rng: np.random.Generator) -> Image.Image:
        return images.thing(concept.name, UNSEEN_STYLES[0], rng)

    def word(concept: Concept, rng: np.random.Generator) -> Image.Image:
        return images.word(concept.name, rng)

    truth = np.tile(np.arange(len(names)), PER_CONCEPT)
    chance = f"(chance 1/{len(names)})"
    return [
        share(
            "pictures",
            f"top-1 over {len(names)} concepts {chance}: the trained colour pictures, {_CHANGED}",
            top_1(1, picture) == truth,
        ),
        share(
            "words",
            f"top-1 over {len(names)} concepts {chance}: words in other typefaces, colours, cases "
            "and places, half of them without a box",
            top_1(2, word) == truth,
        ),
        share(
            "unseen_style",
            f"top-1 over {len(names)} concepts {chance}: colour pictures in a style never trained "
            f"on, {_CHANGED}",
            top_1(3, unseen) == truth,
        ),
    ]
