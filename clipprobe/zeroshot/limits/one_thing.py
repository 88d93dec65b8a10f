"""Tasks of one thing in one of several ways: its colour, its style, which way up it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from clipprobe.stimuli import Concept, Picture
from clipprobe.zeroshot.limits.questions import ImageQuestion
from clipprobe.zeroshot.limits.staging import COLOURS, Make, Rng, near, objects, scene_of


def one_thing(
    options: Sequence[str], render: Callable[[Concept, int, Rng], Picture], text: str
) -> Make:
    """A single thing that is one of several ways; ``text`` holds {way} and {thing}."""

    def make(scenes: int, rng: Rng, size_px: int) -> Iterator[ImageQuestion]:
        for a, thing in enumerate(objects()):
            for way in range(len(options)):
                for _ in range(2 * scenes):
                    yield ImageQuestion(
                        scene=scene_of([render(thing, way, rng)], rng, size_px),
                        options=tuple(text.format(way=o, thing=thing.name) for o in options),
                        truth=way,
                        codes=tuple((i,) for i in range(len(options))),
                        group=str(a),
                        wording=text,
                    )

    return make


def inked(thing: Concept, way: int, rng: Rng) -> Picture:
    """A line drawing in one of the inks."""
    ink = list(COLOURS.values())[way]
    return Picture(concept=thing.name, style="line", ink=ink, size=0.7, center=near(rng, 0.5, 0.5))


def styled(thing: Concept, way: int, rng: Rng) -> Picture:
    """A colour picture or a line drawing."""
    style = ("noto", "line")[way]
    return Picture(concept=thing.name, style=style, size=0.7, center=near(rng, 0.5, 0.5))


def turned(thing: Concept, way: int, rng: Rng) -> Picture:
    """Upright or upside down."""
    angle = 180.0 * way + float(rng.uniform(-8, 8))
    return Picture(concept=thing.name, size=0.66, rotation=angle, center=near(rng, 0.5, 0.5))
