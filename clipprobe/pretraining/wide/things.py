"""Kinds of images with things alone: one, two in a relation, up to four, or several of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipprobe.lines import listed
from clipprobe.pretraining import captions
from clipprobe.pretraining.wide import phrases
from clipprobe.pretraining.wide.backgrounds import near
from clipprobe.pretraining.wide.canvas import LARGER_SIZES, Canvas, Place, draw_center
from clipprobe.pretraining.wide.looks import draw_sprite, draw_strokes
from clipprobe.pretraining.wide.phrases import Wording, name_of
from clipprobe.pretraining.wide.writing import LUMA, luma
from clipprobe.stimuli import Concept
from clipprobe.stimuli.splits import draw_from, pick

HIDDEN_SHARE = 0.15
#: Share of captions that name the background where it has one colour with a name.
BACKGROUND_SHARE = 0.35


def picture(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """One thing in colour, now and then partly hidden or cut off."""
    canvas.place(names[0], rng)
    if rng.random() < HIDDEN_SHARE:
        canvas.hide(float(rng.uniform(0.1, 0.35)), rng)
    caption = name_of(names[0], captions.PICTURES, rng)
    if canvas.background and rng.random() < BACKGROUND_SHARE:
        caption.captions[0] = captions.with_colour(caption.captions[0], canvas.background)
    return caption


def drawing(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """One thing in strokes of some ink, which the caption may name."""
    side = draw_from(LARGER_SIZES, rng)
    center = draw_center(side, rng)
    side_px = canvas.pixels(side)
    at = [round(c * canvas.side - side_px / 2) for c in center]
    inside = [min(max(v, 0), canvas.side) for v in (*at, at[0] + side_px, at[1] + side_px)]
    under = canvas.under((inside[0], inside[1], inside[2], inside[3]))
    shade = float(np.median(under @ LUMA))
    inks = [n for n in phrases.INK_NAMES if abs(luma(captions.COLOURS[n]) - shade) > 70]
    ink = "black" if shade > 150 and rng.random() < 0.6 else pick(inks, rng)
    strokes = draw_strokes(names[0].name, side_px, near(captions.COLOURS[ink], rng), rng)
    canvas.paste(strokes, center)
    if rng.random() < 0.25:
        noun = captions.noun(names[0], rng)
        other = pick([n for n in phrases.INK_NAMES if n != ink], rng)
        form = pick(phrases.STROKES, rng)
        return Wording([form.format(noun=noun, ink=ink)], [form.format(noun=noun, ink=other)])
    return name_of(names[0], captions.DRAWINGS, rng)


def two_things(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """Two things, how they stand to each other, and where each of them stands."""
    sizes = rng.uniform(0.3, 0.5, 2)
    axis = int(rng.integers(2))
    along = np.array([rng.uniform(0.18, 0.32), rng.uniform(0.68, 0.82)])
    middle = rng.uniform(0.3, 0.7)
    across = np.clip(middle + rng.uniform(-0.12, 0.12, 2), 0.2, 0.8)
    for i, concept in enumerate(names[:2]):
        where = (along[i], across[i]) if axis == 0 else (across[i], along[i])
        canvas.put(concept, sizes[i], (float(where[0]), float(where[1])), rng)
    first = int(rng.integers(2))
    before = first == 0
    a, b = (captions.noun(names[i], rng) for i in (first, 1 - first))
    alone = [phrases.general(captions.noun(concept, rng), rng) for concept in names[:2]]
    if rng.random() < 0.25:
        return Wording([phrases.general(listed([a, b]), rng), *alone])
    return Wording(
        [
            phrases.related(a, b, axis, before, rng),
            phrases.at_side(a, axis, before),
            phrases.at_side(b, axis, not before),
            *alone,
        ],
        [
            phrases.related(b, a, axis, before, rng),
            phrases.related(a, b, axis, not before, rng),
            phrases.at_side(a, axis, not before),
            phrases.at_side(b, axis, before),
        ],
    )


def many_things(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """Three or four things."""
    corners = [(0.26, 0.26), (0.74, 0.26), (0.26, 0.74), (0.74, 0.74)]
    order = rng.permutation(4)
    for concept, corner in zip(names, order, strict=False):
        x, y = np.array(corners[int(corner)]) + rng.uniform(-0.07, 0.07, 2)
        canvas.put(concept, float(rng.uniform(0.28, 0.46)), (float(x), float(y)), rng)
    nouns = [captions.noun(concept, rng) for concept in names]
    nouns = [nouns[int(i)] for i in rng.permutation(len(nouns))]
    alone = [phrases.general(noun, rng) for noun in nouns]
    return Wording([listed(nouns), listed(nouns[:2]), *alone])


def number(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """One to four of a thing."""
    concept = names[0]
    count = int(rng.integers(1, 5))
    places = _apart(count, 0.34, rng)
    side = float(rng.uniform(0.24, 0.42))
    sprite_image = draw_sprite(concept.name, canvas.pixels(side), rng)
    for where in places:
        again = draw_sprite(concept.name, canvas.pixels(side), rng)
        canvas.paste(sprite_image if rng.random() < 0.7 else again, where)
    others = [n for n in range(1, 5) if n != count]
    wrong = [captions.counted(concept, n) for n in others]
    if rng.random() < 0.6:
        return Wording([captions.counted(concept, count)], wrong)
    return Wording([phrases.general(captions.counted(concept, count), rng)], wrong[:1])


def _apart(n: int, least: float, rng: np.random.Generator) -> list[Place]:
    """``n`` places at least so far from each other."""
    for _ in range(20):
        spots = rng.uniform(0.2, 0.8, (n, 2))
        gaps = np.abs(spots[:, None] - spots[None]).max(axis=2) + 2 * np.eye(n)
        if gaps.min() >= least:
            return [(float(x), float(y)) for x, y in spots]
    corners = [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)]
    return [corners[int(i)] for i in rng.permutation(4)[:n]]
