"""Tasks about two things on one image: where, how coloured, how large, whether there."""

from __future__ import annotations

from collections.abc import Iterator

from clipprobe.stimuli import Picture
from clipprobe.zeroshot.limits.questions import ImageQuestion
from clipprobe.zeroshot.limits.staging import COLOURS, Make, Rng, near, pairs, scene_of, scene_with


def relation(forward: str, backward: str, upright: bool) -> Make:
    """Two things beside or above each other, in four wordings."""

    def make(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
        for a, b, one, other in pairs():
            for scene in range(scenes):
                truth = int(rng.integers(2))  # 0: the first of the pair stands left, or above
                order = ((0.5, 0.25), (0.5, 0.75)) if upright else ((0.25, 0.5), (0.75, 0.5))
                places = order if truth == 0 else order[::-1]
                things = zip((one, other), (0.42, 0.42), places, strict=True)
                scene_image = scene_with(things, rng, size_px)
                p, q = one.phrase, other.phrase
                wordings = (
                    (forward, f"{p} {forward} {q}", f"{q} {forward} {p}"),
                    (backward, f"{q} {backward} {p}", f"{p} {backward} {q}"),
                    ("first thing first", f"{p} {forward} {q}", f"{p} {backward} {q}"),
                    ("second thing first", f"{q} {backward} {p}", f"{q} {forward} {p}"),
                )
                wording, *options = wordings[scene % len(wordings)]
                yield ImageQuestion(
                    scene=scene_image,
                    options=tuple(options),
                    truth=truth,
                    codes=((2 * a, 2 * b + 1), (2 * a + 1, 2 * b)),
                    group=f"{a}-{b}",
                    wording=wording,
                )

    return make


def binding(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
    """Two line drawings in two inks: which has which."""
    names = list(COLOURS)
    for a, b, one, other in pairs():
        for scene in range(scenes):
            i, j = (int(v) for v in rng.permutation(len(names))[:2])
            sides = ((0.26, 0.5), (0.74, 0.5)) if rng.integers(2) else ((0.74, 0.5), (0.26, 0.5))
            scene_image = scene_of(
                [
                    Picture(
                        concept=c.name, style="line", size=0.42, center=near(rng, *place),
                        ink=COLOURS[names[ink]],
                    )
                    for c, place, ink in zip((one, other), sides, (i, j), strict=True)
                ],
                rng, size_px,
            )  # fmt: skip
            n = len(names)
            first = (one, i, other, j), (one, j, other, i)
            turned = tuple((y, v, x, u) for x, u, y, v in first)
            caption = first if scene % 2 == 0 else turned
            yield ImageQuestion(
                scene=scene_image,
                options=tuple(
                    f"a {names[u]} {x.name} and a {names[v]} {y.name}" for x, u, y, v in caption
                ),
                truth=0,
                codes=((n * a + i, n * b + j), (n * a + j, n * b + i)),
                group=f"{a}-{b}",
                wording="first thing first" if scene % 2 == 0 else "second thing first",
            )


def size(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
    """A large thing and a small one."""
    for a, b, one, other in pairs():
        for scene in range(scenes):
            truth = int(rng.integers(2))  # 0: the first of the pair is the large one
            sizes = (0.56, 0.24) if truth == 0 else (0.24, 0.56)
            sides = ((0.3, 0.5), (0.8, 0.5)) if truth == 0 else ((0.2, 0.5), (0.7, 0.5))
            if rng.integers(2):
                sides = ((1 - sides[0][0], 0.5), (1 - sides[1][0], 0.5))
            things = zip((one, other), sizes, sides, strict=True)
            scene_image = scene_with(things, rng, size_px)
            x, y = (one.name, other.name)
            options = (f"a large {x} and a small {y}", f"a small {x} and a large {y}")
            if scene % 2:
                options = (f"a small {y} and a large {x}", f"a large {y} and a small {x}")
            yield ImageQuestion(
                scene=scene_image, options=options, truth=truth,
                codes=((2 * a, 2 * b + 1), (2 * a + 1, 2 * b)), group=f"{a}-{b}",
                wording="second thing first" if scene % 2 else "first thing first",
            )  # fmt: skip


def negation(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
    """Which of two things is there: four options, three of which deny something."""
    for a, b, one, other in pairs():
        for scene in range(scenes):
            truth = scene % 4
            there = [c for c, yes in zip((one, other), _THERE[truth], strict=True) if yes]
            places = [(0.27, 0.5), (0.73, 0.5)]
            rng.shuffle(places)
            things = zip(there, (0.44, 0.44), places, strict=False)
            scene_image = scene_with(things, rng, size_px)
            p, q = one.phrase, other.phrase
            yield ImageQuestion(
                scene=scene_image,
                options=(
                    f"{p} and {q}", f"{p} and no {other.name}", f"{q} and no {one.name}",
                    f"no {one.name} and no {other.name}",
                ),
                truth=truth,
                codes=tuple((2 * a + (not x), 2 * b + (not y)) for x, y in _THERE),
                group=f"{a}-{b}",
                wording="and no",
            )  # fmt: skip


_THERE = ((True, True), (True, False), (False, True), (False, False))
