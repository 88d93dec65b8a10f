"""What the second renderer shows: one thing, one word, a label on a thing, several things, ink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from clipprobe.pretraining.evaluation.other_hand import letters
from clipprobe.pretraining.evaluation.other_hand.canvas import (
    CANVAS,
    Place,
    Rgb,
    background,
    colour,
    finished,
    luminance,
    paste,
)
from clipprobe.stimuli.sprites import sprite

#: Names and colours that are asked for as ink; the names that captions use too.
INKS: dict[str, Rgb] = {
    "black": (10, 10, 10),
    "red": (205, 25, 35),
    "green": (20, 140, 60),
    "blue": (25, 70, 200),
    "purple": (120, 40, 160),
    "orange": (240, 130, 20),
    "pink": (245, 120, 175),
    "yellow": (245, 215, 40),
}
#: Grey papers that coloured letters stand on.
PAPERS: tuple[Rgb, ...] = ((252, 252, 252), (205, 205, 205), (128, 128, 128), (48, 48, 48))


def thing(name: str, style: str, rng: np.random.Generator) -> Image.Image:
    """One picture: mirrored half the time, cut by the edge in a third."""
    canvas = background(rng)
    side = float(rng.uniform(0.4, 0.9))
    room = (1 - side) / 2
    if rng.random() < 1 / 3:
        room += 0.15 * side  # so much of the sprite may lie beyond the edge
    center = (0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room)))
    paste(canvas, sprite(name, style=style), center=center, side=side, rng=rng)
    return finished(canvas)


def word(text: str, rng: np.random.Generator) -> Image.Image:
    """One written word, on a box of its own half the time, in any place and case."""
    canvas = background(rng)
    text = letters.cased(text, rng)
    height = float(rng.uniform(0.18, 0.42)) * CANVAS
    face = letters.fitted(text, letters.typeface(rng), height=height, width=0.92 * CANVAS)
    center = (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9)))
    box = colour(rng) if rng.integers(2) else None
    area = letters.place(text, face, center=center)
    behind = box if box is not None else letters.mean_colour(canvas, area)
    letters.write(canvas, text, face, center=center, fill=letters.readable(rng, behind), box=box)
    return finished(canvas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One thing under four conditions that differ in the label alone."""

    plain: Image.Image
    blank: Image.Image
    nonsense: Image.Image
    word: Image.Image


def labelled(name: str, style: str, text: str, nonsense: str, rng: np.random.Generator) -> Labelled:
    """A picture, then the same with one and the same box: blank, with nonsense, with a word."""
    canvas = background(rng)
    side = float(rng.uniform(0.7, 0.95))
    room = (1 - side) / 2
    center = (0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room)))
    paste(canvas, sprite(name, style=style), center=center, side=side, rng=rng)
    box = colour(rng)
    ink = letters.readable(rng, box)
    font = letters.typeface(rng)
    height = float(rng.uniform(0.18, 0.28)) * CANVAS
    at = (float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.12, 0.88)))
    face = letters.fitted(text, font, height=height, width=0.9 * CANVAS)
    area = letters.place(text, face, center=at)
    copies = []
    for content in (None, nonsense, text):
        copy = canvas.copy()
        ImageDraw.Draw(copy).rounded_rectangle(area, radius=6, fill=box)
        if content is not None:
            fits = letters.fitted(content, font, height=height, width=area[2] - area[0] - 10)
            middle = ((area[0] + area[2]) / 2 / CANVAS, (area[1] + area[3]) / 2 / CANVAS)
            letters.write(copy, content, fits, center=middle, fill=ink)
        copies.append(finished(copy))
    return Labelled(plain=finished(canvas), blank=copies[0], nonsense=copies[1], word=copies[2])


def several(
    names: Sequence[str], places: Sequence[Place], side: float, style: str, rng: np.random.Generator
) -> Image.Image:
    """Things at given places, each moved and sized a little and perhaps mirrored."""
    canvas = background(rng)
    for name, (x, y) in zip(names, places, strict=True):
        moved = (x + float(rng.uniform(-0.04, 0.04)), y + float(rng.uniform(-0.04, 0.04)))
        own = side * float(rng.uniform(0.88, 1.0))
        paste(canvas, sprite(name, style=style), center=moved, side=own, rng=rng)
    return finished(canvas)


def inked(text: str, ink: str, rng: np.random.Generator) -> Image.Image:
    """``text`` in a named ink on grey paper that it can be told from."""
    fill = INKS[ink]
    fit = [p for p in PAPERS if abs(luminance(p) - luminance(fill)) >= 60]
    canvas = Image.new("RGB", (CANVAS, CANVAS), fit[int(rng.integers(len(fit)))])
    height = float(rng.uniform(0.25, 0.5)) * CANVAS
    face = letters.fitted(text, letters.typeface(rng), height=height, width=0.92 * CANVAS)
    center = (0.5, float(rng.uniform(0.25, 0.75)))
    letters.write(canvas, text, face, center=center, fill=fill)
    return finished(canvas)
