"""What images of the wide domain are called: scenes, relations, inks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipprobe.pretraining.captions import COLOURS, GENERAL

RELATIONS = {
    (0, True): ("{} to the left of {}", "{} left of {}"),
    (0, False): ("{} to the right of {}", "{} right of {}"),
    (1, True): ("{} above {}", "{} over {}"),
    (1, False): ("{} below {}", "{} under {}"),
}
SIDES = {
    (0, True): "{} on the left",
    (0, False): "{} on the right",
    (1, True): "{} at the top",
    (1, False): "{} at the bottom",
}
INK_NAMES = tuple(COLOURS)
INKS = (
    "{} letters",
    "letters in {}",
    "text in {}",
    "a word in {}",
    "a word written in {}",
    "some word, written in the color {}",
    "something written in the colour {}",
    "{} writing",
)
WORD_AND_INK = (
    "the word {word} in {ink}",
    "{word} written in {ink}",
    "the word {word} in {ink} letters",
    "a {ink} sign that says {word}",
)
STROKES = ("{noun} drawn in {ink}", "a {ink} drawing of {noun}", "a drawing of {noun} in {ink}")


def general(phrase: str, rng: np.random.Generator) -> str:
    """``phrase`` as it is, half of the time, or in a general sentence."""
    if rng.random() < 0.5:
        return phrase
    return GENERAL[int(rng.integers(len(GENERAL)))].format(phrase)


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of them."""
    return options[int(rng.integers(len(options)))]


def related(first: str, second: str, axis: int, before: bool, rng: np.random.Generator) -> str:
    """Where ``first`` stands from ``second``: on the x (0) or y axis (1), before or after it."""
    options = RELATIONS[axis, before]
    return (options[0] if rng.random() < 0.8 else options[1]).format(first, second)


def at_side(noun: str, axis: int, before: bool) -> str:
    """On which side of the image a thing stands: of the x (0) or y axis (1), before or after."""
    return SIDES[axis, before].format(noun)
