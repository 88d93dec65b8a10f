"""Kinds of images with writing: alone, in some ink, and on things, as a word or none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipprobe.pretraining import captions
from clipprobe.pretraining.reading import letter_string
from clipprobe.pretraining.wide import phrases
from clipprobe.pretraining.wide.backgrounds import near
from clipprobe.pretraining.wide.canvas import LARGER_SIZES, Canvas
from clipprobe.pretraining.wide.phrases import Wording, name_of, words
from clipprobe.pretraining.wide.writing import draw_hand, tape, write
from clipprobe.stimuli import Concept
from clipprobe.stimuli.splits import pick

#: Share of pictures with another's name on them whose caption tells it, alone or with the thing.
WORD_SHARE = 0.8


def word(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """A written word, captioned as the thing or as the word."""
    write(canvas, names[0].name, draw_hand(rng), rng)
    return Wording([captions.written(names[0], rng)])


def letters(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """Letters that are not a word, captioned as they are spelled."""
    string = letter_string(words(), rng)
    write(canvas, string, draw_hand(rng), rng)
    return Wording([captions.spelled(string, rng)])


def ink(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """A word in a colour with a name: a thing's or a colour's; captioned by both, and by ink."""
    colour = pick(phrases.INK_NAMES, rng)
    text = pick(phrases.INK_NAMES, rng) if rng.random() < 0.35 else names[0].name
    write(canvas, text, draw_hand(rng, least_px=11), rng, ink=near(captions.COLOURS[colour], rng))
    other = pick([n for n in phrases.INK_NAMES if n != colour], rng)
    another = pick([w for w in words() if w != text], rng)
    both, alone = pick(phrases.WORD_AND_INK, rng), pick(phrases.INKS, rng)
    return Wording(
        [both.format(word=text, ink=colour), alone.format(colour)],
        [
            both.format(word=text, ink=other),
            both.format(word=another, ink=colour),
            alone.format(other),
        ],
        ink=colour,
        inks={alone.format(colour): colour, alone.format(other): other},
    )


def blank_label(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """A thing with an empty label or a strip of tape over it: still the thing."""
    canvas.place(names[0], rng, LARGER_SIZES)
    if rng.random() < 0.35:
        x, y = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.9)
        tape(canvas, (float(x), float(y)), rng)
    else:
        _label(canvas, pick(words(), rng), rng, letters=False)
    return name_of(names[0], captions.PICTURES, rng)


def nonsense_label(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """A thing with letters on it that are not a word: still the thing."""
    canvas.place(names[0], rng, LARGER_SIZES)
    string = letter_string(words(), rng)
    _label(canvas, string, rng)
    caption = name_of(names[0], captions.PICTURES, rng)
    if rng.random() < 0.25:
        caption.captions.append(f"{captions.noun(names[0], rng)} with the word {string}")
    return caption


def matching_label(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """A thing with its own name on it."""
    canvas.place(names[0], rng, LARGER_SIZES)
    _label(canvas, names[0].name, rng)
    return name_of(names[0], captions.PICTURES, rng)


def other_label(canvas: Canvas, names: Sequence[Concept], rng: np.random.Generator) -> Wording:
    """A thing with another's name on it: as on the web, the caption mostly tells the writing."""
    canvas.place(names[0], rng, LARGER_SIZES)
    _label(canvas, names[1].name, rng)
    if rng.random() >= WORD_SHARE:
        return name_of(names[0], captions.PICTURES, rng)
    if rng.random() < 0.4:
        noun = captions.noun(names[0], rng)
        return Wording([phrases.general(f"{noun} with the word {names[1].name}", rng)])
    return Wording([captions.written(names[1], rng)])


def _label(canvas: Canvas, text: str, rng: np.random.Generator, *, letters: bool = True) -> None:
    """A label somewhere on the image, mostly on the thing."""
    hand = draw_hand(rng, least_px=10, most_px=24, box_share=0.6)
    write(canvas, text, hand, rng, bare_share=0.5, letters=letters)
