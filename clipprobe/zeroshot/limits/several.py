"""Tasks of many things on one image: how many, and which are there."""

from __future__ import annotations

from collections.abc import Iterator

from clipprobe.zeroshot.limits.questions import ImageQuestion
from clipprobe.zeroshot.limits.staging import Rng, objects, pairs, scene_with

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CORNERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
_LARGE, _SMALL = 0.46, 0.22
_WORDINGS = tuple(
    (large, first, f"the {'large' if large else 'small'} thing, {'first' if first else 'last'}")
    for large in (True, False)
    for first in (True, False)
)


def counting(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
    """One to nine of one thing, on places of a grid of three by three."""
    grid = [(x, y) for x in (0.2, 0.5, 0.8) for y in (0.2, 0.5, 0.8)]
    for a, thing in enumerate(objects()):
        for n in range(1, 10):
            for _ in range(max(1, scenes // 2)):
                places = [grid[i] for i in rng.permutation(9)[:n]]
                yield ImageQuestion(
                    scene=scene_with([(thing, 0.24, place) for place in places], rng, size_px),
                    options=tuple(
                        f"{word} {thing.name if i == 0 else thing.plural}"
                        for i, word in enumerate(NUMBERS)
                    ),
                    truth=n - 1,
                    codes=tuple((i,) for i in range(9)),
                    group=str(a),
                    wording="number word",
                )


def several(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
    """Four things on one image, and two lists of four that differ in one.

    The thing in question is the large one or a small one, and stands first or last in both lists:
    text towers keep the first best, image towers the largest.
    """
    things = objects()
    for a, b, one, other in pairs():
        for scene in range(scenes):
            large, first, wording = _WORDINGS[scene % len(_WORDINGS)]
            rest = [i for i in rng.permutation(len(things)) if i not in (a, b)][:3]
            truth = int(rng.integers(2))  # 0: the first of the pair is there
            there = [(one, other)[truth], *(things[i] for i in rest)]
            big = 0 if large else 1 + int(rng.integers(3))
            corners = [_CORNERS[i] for i in rng.permutation(4)]
            sizes = [_LARGE if place == big else _SMALL for place in range(4)]
            image = scene_with(zip(there, sizes, corners, strict=True), rng, size_px)
            beside = [things[i].phrase for i in rest]
            lists = [
                [claim.phrase, *beside] if first else [*beside, claim.phrase]
                for claim in (one, other)
            ]
            yield ImageQuestion(
                scene=image,
                options=tuple(f"{', '.join(listed[:3])} and {listed[3]}" for listed in lists),
                truth=truth,
                codes=((a, *map(int, rest)), (b, *map(int, rest))),
                group=f"{a}-{b}",
                wording=wording,
            )
