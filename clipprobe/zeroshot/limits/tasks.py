"""The tasks that are asked: relations, colours, sizes, negation, numbers, styles.

Two objects on one image come in every pair of twelve things, and what is held out is the pair; one
object, or several of one kind, is held out by the thing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipprobe.stimuli import Background, Concept, Item, Picture, Scene, concepts
from clipprobe.stimuli.splits import UNSEEN_GROUNDS
from clipprobe.zeroshot.limits.questions import Asked, shuffled

N_OBJECTS = 12
COLOURS = {
    "red": (215, 40, 40),
    "green": (30, 150, 50),
    "blue": (40, 70, 215),
    "orange": (235, 140, 30),
}
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Rng = np.random.Generator
Make = Callable[[int, Rng, int], Iterator[Asked]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that a model may not be able to do."""

    question: str
    make: Make
    """From scenes per group, a generator and the side in pixels."""
    taught: bool
    """Whether captions of the bundled model's training say such things."""


def objects() -> tuple[Concept, ...]:
    """Twelve countable things, spread over the bundled ones."""
    countable = [concept for concept in concepts() if concept.kind == "count"]
    return tuple(countable[i * len(countable) // N_OBJECTS] for i in range(N_OBJECTS))


def questions(name: str, *, scenes: int, seed: int, size_px: int) -> list[Asked]:
    """All questions of a task, the order of their options shuffled."""
    rng = np.random.default_rng([seed, list(TASKS).index(name), 53])
    return [shuffled(asked, rng) for asked in TASKS[name].make(scenes, rng, size_px)]


def _ground(rng: Rng) -> Background:
    first, second = (tuple(int(v) for v in rng.integers(205, 256, 3)) for _ in range(2))
    return Background(
        kind=UNSEEN_GROUNDS[int(rng.integers(len(UNSEEN_GROUNDS)))],
        color=(first[0], first[1], first[2]),
        second=(second[0], second[1], second[2]),
        seed=int(rng.integers(1 << 31)),
    )


def _scene(items: Sequence[Item], rng: Rng, size_px: int) -> Scene:
    return Scene(items=tuple(items), background=_ground(rng), size_px=size_px)


def _near(rng: Rng, x: float, y: float) -> tuple[float, float]:
    return (x + float(rng.uniform(-0.04, 0.04)), y + float(rng.uniform(-0.04, 0.04)))


def _pairs() -> Iterator[tuple[int, int, Concept, Concept]]:
    things = objects()
    for a, b in itertools.combinations(range(len(things)), 2):
        yield a, b, things[a], things[b]


def _relation(forward: str, backward: str, upright: bool) -> Make:
    """Two things beside or above each other, in four wordings."""

    def make(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
        for a, b, one, other in _pairs():
            for scene in range(scenes):
                truth = int(rng.integers(2))  # 0: the first of the pair stands left, or above
                near = ((0.5, 0.25), (0.5, 0.75)) if upright else ((0.25, 0.5), (0.75, 0.5))
                places = near if truth == 0 else near[::-1]
                drawn = _scene(
                    [
                        Picture(concept=c.name, size=0.42, center=_near(rng, *place))
                        for c, place in zip((one, other), places, strict=True)
                    ],
                    rng,
                    size_px,
                )
                p, q = one.phrase, other.phrase
                wordings = (
                    (forward, f"{p} {forward} {q}", f"{q} {forward} {p}"),
                    (backward, f"{q} {backward} {p}", f"{p} {backward} {q}"),
                    ("first thing first", f"{p} {forward} {q}", f"{p} {backward} {q}"),
                    ("second thing first", f"{q} {backward} {p}", f"{q} {forward} {p}"),
                )
                wording, *options = wordings[scene % len(wordings)]
                yield Asked(
                    scene=drawn,
                    options=tuple(options),
                    truth=truth,
                    codes=((2 * a, 2 * b + 1), (2 * a + 1, 2 * b)),
                    group=f"{a}-{b}",
                    wording=wording,
                )

    return make


def _binding(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
    """Two line drawings in two inks: which has which."""
    names = list(COLOURS)
    for a, b, one, other in _pairs():
        for scene in range(scenes):
            i, j = (int(v) for v in rng.permutation(len(names))[:2])
            sides = ((0.26, 0.5), (0.74, 0.5)) if rng.integers(2) else ((0.74, 0.5), (0.26, 0.5))
            drawn = _scene(
                [
                    Picture(
                        concept=c.name, style="line", size=0.42, center=_near(rng, *place),
                        ink=COLOURS[names[ink]],
                    )
                    for c, place, ink in zip((one, other), sides, (i, j), strict=True)
                ],
                rng, size_px,
            )  # fmt: skip
            n = len(names)
            first = (one, i, other, j), (one, j, other, i)
            turned = tuple((y, v, x, u) for x, u, y, v in first)
            told = first if scene % 2 == 0 else turned
            yield Asked(
                scene=drawn,
                options=tuple(
                    f"a {names[u]} {x.name} and a {names[v]} {y.name}" for x, u, y, v in told
                ),
                truth=0,
                codes=((n * a + i, n * b + j), (n * a + j, n * b + i)),
                group=f"{a}-{b}",
                wording="first thing first" if scene % 2 == 0 else "second thing first",
            )


def _size(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
    """A large thing and a small one."""
    for a, b, one, other in _pairs():
        for scene in range(scenes):
            truth = int(rng.integers(2))  # 0: the first of the pair is the large one
            sizes = (0.56, 0.24) if truth == 0 else (0.24, 0.56)
            sides = ((0.3, 0.5), (0.8, 0.5)) if truth == 0 else ((0.2, 0.5), (0.7, 0.5))
            if rng.integers(2):
                sides = ((1 - sides[0][0], 0.5), (1 - sides[1][0], 0.5))
            drawn = _scene(
                [
                    Picture(concept=c.name, size=size, center=_near(rng, *place))
                    for c, size, place in zip((one, other), sizes, sides, strict=True)
                ],
                rng, size_px,
            )  # fmt: skip
            x, y = (one.name, other.name)
            options = (f"a large {x} and a small {y}", f"a small {x} and a large {y}")
            if scene % 2:
                options = (f"a small {y} and a large {x}", f"a large {y} and a small {x}")
            yield Asked(
                scene=drawn, options=options, truth=truth,
                codes=((2 * a, 2 * b + 1), (2 * a + 1, 2 * b)), group=f"{a}-{b}",
                wording="second thing first" if scene % 2 else "first thing first",
            )  # fmt: skip


def _negation(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
    """Which of two things is there: four options, three of which deny something."""
    for a, b, one, other in _pairs():
        for scene in range(scenes):
            truth = scene % 4
            there = [c for c, yes in zip((one, other), _THERE[truth], strict=True) if yes]
            places = [(0.27, 0.5), (0.73, 0.5)]
            rng.shuffle(places)
            drawn = _scene(
                [
                    Picture(concept=c.name, size=0.44, center=_near(rng, *place))
                    for c, place in zip(there, places, strict=False)
                ],
                rng, size_px,
            )  # fmt: skip
            p, q = one.phrase, other.phrase
            yield Asked(
                scene=drawn,
                options=(
                    f"{p} and {q}", f"{p} and no {other.name}", f"{q} and no {one.name}",
                    f"no {one.name} and no {other.name}",
                ),
                truth=truth,
                codes=tuple(
                    (2 * a + (not x), 2 * b + (not y)) for x, y in _THERE
                ),
                group=f"{a}-{b}",
                wording="and no",
            )  # fmt: skip


_THERE = ((True, True), (True, False), (False, True), (False, False))


def _counting(scenes: int, rng: Rng, size_px: int) -> Iterator[Asked]:
    """One to nine of one thing, on places of a grid of three by three."""
    grid = [(x, y) for x in (0.2, 0.5, 0.8) for y in (0.2, 0.5, 0.8)]
    for a, thing in enumerate(objects()):
        for n in range(1, 10):
            for _ in range(max(1, scenes // 2)):
                places = [grid[i] for i in rng.permutation(9)[:n]]
                drawn = _scene(
                    [
                        Picture(concept=thing.name, size=0.24, center=_near(rng, *place))
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
                        scene=_scene([picture(thing, way, rng)], rng, size_px),
                        options=tuple(text.format(way=o, thing=thing.name) for o in options),
                        truth=way,
                        codes=tuple((i,) for i in range(len(options))),
                        group=str(a),
                        wording=text,
                    )

    return make


def _inked(thing: Concept, way: int, rng: Rng) -> Picture:
    ink = list(COLOURS.values())[way]
    return Picture(concept=thing.name, style="line", ink=ink, size=0.7, center=_near(rng, 0.5, 0.5))


def _styled(thing: Concept, way: int, rng: Rng) -> Picture:
    style = ("noto", "line")[way]
    return Picture(concept=thing.name, style=style, size=0.7, center=_near(rng, 0.5, 0.5))


def _turned(thing: Concept, way: int, rng: Rng) -> Picture:
    angle = 180.0 * way + float(rng.uniform(-8, 8))
    return Picture(concept=thing.name, size=0.66, rotation=angle, center=_near(rng, 0.5, 0.5))


TASKS: Mapping[str, Task] = {
    "left or right": Task(
        question="Which of two things is on the left?",
        make=_relation("to the left of", "to the right of", upright=False),
        taught=True,
    ),
    "above or below": Task(
        question="Which of two things is above?",
        make=_relation("above", "below", upright=True),
        taught=True,
    ),
    "binding": Task(question="Which drawing has which colour?", make=_binding, taught=False),
    "size": Task(question="Which of two things is the large one?", make=_size, taught=False),
    "negation": Task(question="Which of two things is not there?", make=_negation, taught=False),
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
