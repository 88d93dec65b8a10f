"""The tasks that are asked: relations, colours, sizes, negation, numbers, styles.

Two objects on one image come in every pair of twelve things, and what is held out is the pair; one
object, or several of one kind, is held out by the thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipprobe.stimuli import Concept, Picture
from clipprobe.zeroshot.limits.questions import Asked, shuffled
from clipprobe.zeroshot.limits.staging import COLOURS, Make, Rng, near, objects, scene_of
from clipprobe.zeroshot.limits.two_things import binding, negation, relation, size

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that a model may not be able to do."""

    question: str
    make: Make
    """From scenes per group, a generator and the side in pixels."""
    taught: bool
    """Whether captions of the bundled model's training say such things."""


def questions(name: str, *, scenes: int, seed: int, size_px: int) -> list[Asked]:
    """All questions of a task, the order of their options shuffled."""
    rng = np.random.default_rng([seed, list(TASKS).index(name), 53])
    return [shuffled(asked, rng) for asked in TASKS[name].make(scenes, rng, size_px)]


def _counting(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
    """One to nine of one thing, on places of a grid of three by three."""
    grid = [(x, y) for x in (0.2, 0.5, 0.8) for y in (0.2, 0.5, 0.8)]
    for a, thing in enumerate(objects()):
        for n in range(1, 10):
            for _ in range(max(1, scenes // 2)):
                places = [grid[i] for i in rng.permutation(9)[:n]]
                drawn = scene_of(
                    [
                        Picture(concept=thing.name, size=0.24, center=near(rng, *place))
                        for place in places
                    ],
                    rng, size_px,
                )  # fmt: skip
                yield Asked(
                    scene=drawn,
                    options=tuple(
                        f"{word} {thing.name if i == 0 else thing.plural}"
                        for i, word in enumerate(NUMBERS)
                    ),
                    truth=n - 1,
                    codes=tuple((i,) for i in range(9)),
                    group=str(a),
                    wording="number word",
                )  # fmt: skip


def _one_thing(
    options: Sequence[str], picture: Callable[[Concept, int, Rng], Picture], text: str
) -> Make:
    """A single thing that is one of several ways; ``text`` holds {way} and {thing}."""

    def make(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
        for a, thing in enumerate(objects()):
            for way in range(len(options)):
                for _ in range(2 * scenes):
                    yield Asked(
                        scene=scene_of([picture(thing, way, rng)], rng, size_px),
                        options=tuple(text.format(way=o, thing=thing.name) for o in options),
                        truth=way,
                        codes=tuple((i,) for i in range(len(options))),
                        group=str(a),
                        wording=text,
                    )

    return make


def _inked(thing: Concept, way: int, rng: Rng) -> Picture:
    ink = list(COLOURS.values())[way]
    return Picture(concept=thing.name, style="line", ink=ink, size=0.7, center=near(rng, 0.5, 0.5))


def _styled(thing: Concept, way: int, rng: Rng) -> Picture:
    style = ("noto", "line")[way]
    return Picture(concept=thing.name, style=style, size=0.7, center=near(rng, 0.5, 0.5))


def _turned(thing: Concept, way: int, rng: Rng) -> Picture:
    angle = 180.0 * way + float(rng.uniform(-8, 8))
    return Picture(concept=thing.name, size=0.66, rotation=angle, center=near(rng, 0.5, 0.5))


TASKS: Mapping[str, Task] = {
    "left or right": Task(
        question="Which of two things is on the left?",
        make=relation("to the left of", "to the right of", upright=False),
        taught=True,
    ),
    "above or below": Task(
        question="Which of two things is above?",
        make=relation("above", "below", upright=True),
        taught=True,
    ),
    "binding": Task(question="Which drawing has which colour?", make=binding, taught=False),
    "size": Task(question="Which of two things is the large one?", make=size, taught=False),
    "negation": Task(question="Which of two things is not there?", make=negation, taught=False),
    "counting": Task(question="How many are there, one to nine?", make=_counting, taught=True),
    "colour": Task(
        question="Which colour has the drawing?",
        make=_one_thing(tuple(COLOURS), _inked, "a {way} {thing}"),
        taught=False,
    ),
    "style": Task(
        question="Is it a colour picture or a line drawing?",
        make=_one_thing(("colour picture", "line drawing"), _styled, "a {way} of a {thing}"),
        taught=True,
    ),
    "upside down": Task(
        question="Is it upright or upside down?",
        make=_one_thing(("an upright", "an upside-down"), _turned, "{way} {thing}"),
        taught=False,
    ),
}
"""By name. Taught: in part where the note of the table says so."""
