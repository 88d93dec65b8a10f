"""Scenes of several things: which they are, where they stand, how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clipprobe.pretraining import captions
from clipprobe.pretraining.evaluation.ability import SEED, Ability, Floats, embed
from clipprobe.statistics import wilson
from clipprobe.stimuli import Background, Concept, Picture, Scene, concepts
from clipprobe.stimuli.splits import TRAINED_STYLES

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_SCENES = 224
_GROUND = Background(kind="checks", color=(245, 245, 245), second=(225, 225, 225), seed=SEED)


def scenes(clip: Clip, classifier: Floats) -> list[Ability]:
    """Two things and their relation, and counts from one to four.

    Args:
        classifier: ``(n_concepts, d)``.
    """
    return [*_two_things(clip, classifier), _counts(clip)]


def _two_things(clip: Clip, classifier: Floats) -> list[Ability]:
    rng = np.random.default_rng([SEED, 2])
    names = concepts()
    pairs = [rng.permutation(len(names))[:2] for _ in range(N_SCENES)]
    horizontal = rng.integers(0, 2, size=N_SCENES).astype(bool)
    scenes = []
    for (a, b), across in zip(pairs, horizontal, strict=True):
        places = ((0.26, 0.5), (0.74, 0.5)) if across else ((0.5, 0.26), (0.5, 0.74))
        style = TRAINED_STYLES[int(rng.integers(2))]
        items = tuple(
            Picture(concept=names[i].name, style=style, size=0.48, center=place)
            for i, place in zip((int(a), int(b)), places, strict=True)
        )
        scenes.append(Scene(items=items, background=_GROUND))
    vectors = embed(clip, scenes)
    best = np.argsort(-(vectors @ classifier.T), axis=1)[:, :5]
    both = np.array(
        [set(map(int, pair)) <= set(map(int, row)) for pair, row in zip(pairs, best, strict=True)]
    )
    captions_right, swapped = (
        clip.encode_texts(
            [
                captions.related(
                    names[int(pair[first])].phrase, names[int(pair[1 - first])].phrase, bool(across)
                )
                for pair, across in zip(pairs, horizontal, strict=True)
            ]
        )
        for first in (0, 1)
    )
    right = (vectors * captions_right).sum(axis=1) > (vectors * swapped).sum(axis=1)
    return [
        Ability(
            name="two_things",
            meaning="scenes of two things on unseen ground: both are among the best 5 of "
            f"{len(names)} concepts",
            estimate=wilson(int(both.sum()), N_SCENES),
        ),
        Ability(
            name="relations",
            meaning="the same scenes: the caption with the right relation (left of, above) is "
            "nearer than the one with the things swapped (chance 1/2)",
            estimate=wilson(int(right.sum()), N_SCENES),
        ),
    ]


def _counts(clip: Clip) -> Ability:
    rng = np.random.default_rng([SEED, 3])
    countable = [c for c in concepts() if c.kind == "count"]
    corners = ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73))
    scenes, truth, things = [], [], []
    for number in range(N_SCENES):
        thing: Concept = countable[int(rng.integers(len(countable)))]
        count = number % 4 + 1
        places = [corners[int(i)] for i in rng.permutation(4)[:count]]
        style = TRAINED_STYLES[int(rng.integers(2))]
        items = tuple(
            Picture(concept=thing.name, style=style, size=0.4, center=place) for place in places
        )
        scenes.append(Scene(items=items, background=_GROUND))
        truth.append(count - 1)
        things.append(thing)
    texts = clip.encode_texts([captions.counted(t, k) for t in things for k in (1, 2, 3, 4)])
    scores = np.einsum("nd,nkd->nk", embed(clip, scenes), texts.reshape(N_SCENES, 4, -1))
    right = scores.argmax(axis=1) == np.array(truth)
    return Ability(
        name="counts",
        meaning="one to four of a thing on unseen ground, named by the number (chance 1/4)",
        estimate=wilson(int(right.sum()), N_SCENES),
    )
