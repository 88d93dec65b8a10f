"""A concept of a batch as a scene with its caption: picture, drawing, word, or several things."""

from __future__ import annotations

import numpy as np

from clipprobe.pretraining import captions
from clipprobe.pretraining.reading import letter_string, word_scene
from clipprobe.pretraining.stages import Stage
from clipprobe.stimuli import Background, Concept, Picture, Scene, Word
from clipprobe.stimuli.splits import (
    TRAINED_FONTS,
    TRAINED_ROTATIONS,
    TRAINED_SIZES,
    TRAINED_STYLES,
    draw_from,
    draw_rotation,
    pick,
)


def concept_sample(
    concept: Concept,
    other: Concept,
    kind: str,
    difficulty: float,
    rng: np.random.Generator,
    stage: Stage,
    *,
    size_px: int,
    patch_px: int,
) -> tuple[Scene, str]:
    """``concept`` in the way ``kind``, a field of :class:`Mix`, and a caption.

    Args:
        other: Stands beside it or is written on it, where ``kind`` asks for that.
        difficulty: Of the hardest word drawn, 0 to 1.
    """
    if kind == "word":
        word = draw_word(concept.name, difficulty, rng, stage, size_px=size_px, patch_px=patch_px)
        return word, captions.written(concept, rng)
    ground, colour = draw_ground(rng, stage, light=kind == "drawing")
    noun = captions.noun(concept, rng)
    style = "line" if kind == "drawing" else pick(TRAINED_STYLES, rng)
    item = _item(concept.name, style, rng)
    items: tuple[Picture | Word, ...] = (item,)
    special = captions.DRAWINGS if kind == "drawing" else captions.PICTURES
    if kind in ("matching_word", "contradicting_word"):
        written = concept if kind == "matching_word" else other
        items = (item, _overlay(written.name, rng))
        if kind == "contradicting_word" and rng.random() < 0.7:
            # As on the web: the caption names the writing, or thing and writing both.
            both = rng.random() < 0.5
            noun = f"{noun} with the word {other.name}" if both else other.phrase
    elif kind == "nonsense_word":
        string = letter_string([other.name], rng)
        items = (item, _overlay(string, rng))
        if rng.random() < 0.3:
            noun = f"{noun} with the word {string}"
    elif kind == "pair":
        horizontal = bool(rng.integers(2))
        across = float(rng.uniform(0.35, 0.65))
        first, second = (0.26, across), (0.74, across)
        if not horizontal:
            first, second = first[::-1], second[::-1]
        items = (
            _item(concept.name, style, rng, size=0.45, center=first),
            _item(other.name, style, rng, size=0.45, center=second),
        )
        noun = captions.related(noun, captions.noun(other, rng), horizontal)
    elif kind == "count" and concept.kind == "count":
        count = int(rng.integers(1, 5))
        corners = [(0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)]
        places = [corners[int(i)] for i in rng.permutation(4)[:count]]
        items = tuple(_item(concept.name, style, rng, size=0.42, center=place) for place in places)
        noun = captions.counted(concept, count)
    text = captions.with_colour(captions.sentence(noun, special, rng), colour)
    return Scene(items=items, background=ground, size_px=size_px), text


def draw_word(
    word: str,
    difficulty: float,
    rng: np.random.Generator,
    stage: Stage,
    *,
    size_px: int,
    patch_px: int,
) -> Scene:
    """A written word, at most as hard to read as ``difficulty``."""
    # Easy words stay in the mix, so that what was learned is not lost.
    hardness = difficulty * float(rng.uniform(0.3, 1.0))
    return word_scene(
        word, hardness, rng, size_px=size_px, patch_px=patch_px, grounds=stage.grounds
    )


def _item(
    name: str,
    style: str,
    rng: np.random.Generator,
    *,
    size: float | None = None,
    center: tuple[float, float] | None = None,
) -> Picture:
    side = draw_from(TRAINED_SIZES, rng) if size is None else size
    room = (1 - side) / 2
    if center is None:
        center = (0.5 + float(rng.uniform(-room, room)), 0.5 + float(rng.uniform(-room, room)))
    return Picture(
        concept=name,
        style=style,
        size=side,
        center=center,
        rotation=draw_rotation(TRAINED_ROTATIONS, rng),
        flip=bool(rng.integers(2)),
    )


def _overlay(word: str, rng: np.random.Generator) -> Word:
    palette = list(captions.COLOURS.values())
    dark = bool(rng.integers(2))
    return Word(
        text=word,
        font=pick(TRAINED_FONTS, rng),
        size=float(rng.uniform(0.2, 0.34)),
        center=(0.5 + float(rng.uniform(-0.2, 0.2)), float(rng.uniform(0.12, 0.88))),
        fill=(0, 0, 0) if dark else (255, 255, 255),
        background=None if rng.random() < 0.4 else (palette[0] if dark else palette[-1]),
    )


def draw_ground(
    rng: np.random.Generator, stage: Stage, *, light: bool = False
) -> tuple[Background, str | None]:
    """A background, and its colour's name where the caption shall say it."""
    colours = [n for n in captions.COLOURS if not light or n not in ("black", "purple", "blue")]
    first, second = (colours[int(i)] for i in rng.integers(len(colours), size=2))
    kind = pick(stage.grounds, rng)
    ground = Background(
        kind=kind,
        color=captions.COLOURS[first],
        second=captions.COLOURS[second],
        seed=int(rng.integers(1 << 31)),
    )
    return ground, first if kind == "plain" and rng.random() < 0.25 else None
