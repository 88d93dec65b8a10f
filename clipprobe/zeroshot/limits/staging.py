"""What the tasks share: twelve things, their pairs, and how a scene of them is set up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from clipprobe.stimuli import Background, Concept, Item, Picture, Scene, concepts
from clipprobe.stimuli.splits import UNSEEN_GROUNDS
from clipprobe.zeroshot.limits.questions import ImageQuestion

N_OBJECTS = 12
COLOURS = {
    "red": (215, 40, 40),
    "green": (30, 150, 50),
    "blue": (40, 70, 215),
    "orange": (235, 140, 30),
}
Rng = np.random.Generator
Make = Callable[[int, Rng, int], Iterator[ImageQuestion]]
"""From scenes of each group, a generator and the side in pixels."""


def objects() -> tuple[Concept, ...]:
    """Twelve countable things, spread over the bundled ones."""
    countable = [concept for concept in concepts() if concept.kind == "count"]
    return tuple(countable[i * len(countable) // N_OBJECTS] for i in range(N_OBJECTS))


def _ground(rng: Rng) -> Background:
    first, second = (tuple(int(v) for v in rng.integers(205, 256, 3)) for _ in range(2))
    return Background(
        kind=UNSEEN_GROUNDS[int(rng.integers(len(UNSEEN_GROUNDS)))],
        color=(first[0], first[1], first[2]),
        second=(second[0], second[1], second[2]),
        seed=int(rng.integers(1 << 31)),
    )


def scene_of(items: Sequence[Item], rng: Rng, size_px: int) -> Scene:
    """A scene on a background that the bundled model never saw."""
    return Scene(items=tuple(items), background=_ground(rng), size_px=size_px)


def scene_with(
    things: Iterable[tuple[Concept, float, tuple[float, float]]], rng: Rng, size_px: int
) -> Scene:
    """A scene of things, each of a size and near a place."""
    items = [Picture(concept=c.name, size=size, center=near(rng, *at)) for c, size, at in things]
    return scene_of(items, rng, size_px)


def near(rng: Rng, x: float, y: float) -> tuple[float, float]:
    """A place, moved a little."""
    return (x + float(rng.uniform(-0.04, 0.04)), y + float(rng.uniform(-0.04, 0.04)))


def pairs() -> Iterator[tuple[int, int, Concept, Concept]]:
    """Every pair of the things, with their numbers."""
    for (a, one), (b, other) in itertools.combinations(enumerate(objects()), 2):
        yield a, b, one, other
