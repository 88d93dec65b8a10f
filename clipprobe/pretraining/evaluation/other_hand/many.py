"""Two or four things, how two stand to each other, and how many there are of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining.evaluation.ability import Ability, Floats
from clipprobe.pretraining.evaluation.other_hand import images
from clipprobe.pretraining.evaluation.other_hand.asking import rng_of, scores, share
from clipprobe.stimuli.concepts import concepts
from clipprobe.stimuli.splits import TRAINED_STYLES

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_SCENES = 224
#: Both orders of naming: with the first thing at the lower coordinate, and at the higher one.
RELATIONS = {
    "beside": ("{} to the left of {}", "{} to the right of {}"),
    "over": ("{} above {}", "{} below {}"),
}
NUMBERS = ("one", "two", "three", "four")
_QUARTERS = ((0.26, 0.26), (0.74, 0.26), (0.26, 0.74), (0.74, 0.74))


def many(clip: Clip, classifier: Floats) -> list[Ability]:
    """Naming two and four things, relations and counts.

    Args:
        classifier: ``(n_concepts, d)``.
    """
    return [*_two(clip, classifier), _four(clip, classifier), _counts(clip)]


def _two(clip: Clip, classifier: Floats) -> list[Ability]:
    things = concepts()
    pairs, scenes, captions, swapped = [], [], [], []
    for index in range(N_SCENES):
        rng = rng_of(20, index)
        first, second = (int(i) for i in rng.permutation(len(things))[:2])
        axis = ("beside", "over")[int(rng.integers(2))]
        low, high = float(rng.uniform(0.22, 0.3)), float(rng.uniform(0.7, 0.78))
        off = float(rng.uniform(0.35, 0.65))
        places = [(low, off), (high, off)] if axis == "beside" else [(off, low), (off, high)]
        style = TRAINED_STYLES[int(rng.integers(2))]
        scenes.append(
            images.several([things[first].name, things[second].name], places, 0.5, style, rng)
        )
        pairs.append((first, second))
        # Half the captions begin with the thing at the higher coordinate: "to the right of".
        turned = int(rng.integers(2))
        names = (things[first].phrase, things[second].phrase)
        one, other = names[turned], names[1 - turned]
        captions.append(RELATIONS[axis][turned].format(one, other))
        swapped.append(RELATIONS[axis][turned].format(other, one))
    vectors = clip.encode_images(scenes, batch_size=64)
    right = (vectors * clip.encode_texts(captions)).sum(axis=1) > (
        vectors * clip.encode_texts(swapped)
    ).sum(axis=1)
    return [
        share(
            "two_things",
            f"scenes of two things: both are among the best 5 of {len(things)} concepts",
            _all_within(vectors @ classifier.T, pairs, 5),
        ),
        share(
            "relations",
            "the same scenes: the caption with the right relation (left, right, above, below) is "
            "nearer than the one with the things swapped (chance 1/2)",
            right,
        ),
    ]


def _four(clip: Clip, classifier: Floats) -> Ability:
    things = concepts()
    members, scenes = [], []
    for index in range(N_SCENES):
        rng = rng_of(21, index)
        four = [int(i) for i in rng.permutation(len(things))[:4]]
        style = TRAINED_STYLES[int(rng.integers(2))]
        members.append(tuple(four))
        scenes.append(images.several([things[i].name for i in four], _QUARTERS, 0.46, style, rng))
    return share(
        "four_things",
        f"scenes of four things: all are among the best 10 of {len(things)} concepts",
        _all_within(scores(clip, scenes, classifier), members, 10),
    )


def _counts(clip: Clip) -> Ability:
    countable = [concept for concept in concepts() if concept.kind == "count"]
    cells = [((c + 0.5) / 3, (r + 0.5) / 3) for r in range(3) for c in range(3)]
    scenes, texts, truth = [], [], np.arange(N_SCENES) % len(NUMBERS)
    for index in range(N_SCENES):
        rng = rng_of(22, index)
        thing = countable[int(rng.integers(len(countable)))]
        places = [cells[int(i)] for i in rng.permutation(len(cells))[: int(truth[index]) + 1]]
        style = TRAINED_STYLES[int(rng.integers(2))]
        scenes.append(images.several([thing.name] * len(places), places, 0.32, style, rng))
        texts += [
            f"{number} {thing.name if number == 'one' else thing.plural}" for number in NUMBERS
        ]
    candidates = clip.encode_texts(texts).reshape(N_SCENES, len(NUMBERS), -1)
    vectors = clip.encode_images(scenes, batch_size=64)
    answer = np.einsum("nd,nkd->nk", vectors, candidates).argmax(axis=1)
    return share(
        "counts",
        "one to four of a thing at free places, named by the number (chance 1/4)",
        answer == truth,
    )


def _all_within(
    cosines: Floats, targets: Sequence[tuple[int, ...]], best: int
) -> npt.NDArray[np.bool_]:
    """Whether every wanted class is among the ``best`` highest, for each image."""
    top = np.argsort(-cosines, axis=1)[:, :best]
    return np.array(
        [set(classes) <= {int(i) for i in row} for classes, row in zip(targets, top, strict=True)]
    )
