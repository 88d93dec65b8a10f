"""What images of the wide domain are called: scenes, relations, inks.

An image has captions of its own, and near misses (another order, number, colour or thing) that no
image of the batch is called by.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from clipprobe.pretraining.captions import COLOURS, GENERAL, noun, sentence
from clipprobe.stimuli import Concept, concepts
from clipprobe.stimuli.splits import pick

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


@dataclass(slots=True)
class Wording:
    """What an image is called."""

    captions: list[str]
    """Its own; the first is the fullest."""
    near_misses: list[str] = field(default_factory=list)
    """Those that are not true of it."""
    ink: str = ""
    """Colour of its letters, where a caption names it."""
    inks: dict[str, str] = field(default_factory=dict)
    """Those of ``captions`` and ``near_misses`` that name a colour alone, with the colour."""


def name_of(concept: Concept, special: tuple[str, ...], rng: np.random.Generator) -> Wording:
    """The name of one thing in a sentence, general or of its modality."""
    return Wording([sentence(noun(concept, rng), special, rng)])


def words() -> list[str]:
    """Every word that training knows a thing by."""
    return [concept.name for concept in concepts()]


def general(phrase: str, rng: np.random.Generator) -> str:
    """``phrase`` as it is, half of the time, or in a general sentence."""
    return phrase if rng.random() < 0.5 else pick(GENERAL, rng).format(phrase)


def related(first: str, second: str, axis: int, before: bool, rng: np.random.Generator) -> str:
    """Where ``first`` stands from ``second``: on the x (0) or y axis (1), before or after it."""
    options = RELATIONS[axis, before]
    return (options[0] if rng.random() < 0.8 else options[1]).format(first, second)


def at_side(noun: str, axis: int, before: bool) -> str:
    """On which side of the image a thing stands: of the x (0) or y axis (1), before or after."""
    return SIDES[axis, before].format(noun)
