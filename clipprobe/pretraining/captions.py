"""What a rendered image is captioned with: templates, synonyms, colours, counts, relations.

The sentences vary on purpose: the text tower should have something to learn, and zero-shot
classification limits to find.
"""

from __future__ import annotations

import numpy as np

from clipprobe.stimuli.concepts import Concept
from clipprobe.stimuli.splits import pick

GENERAL = (
    "{}",
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "this is {}",
    "here is {}",
    "look at {}",
    "{} in a picture",
    "a small picture of {}",
    "a photo showing {}",
    "there is {} here",
    "{} on display",
)
PICTURES = ("a colour picture of {}", "an emoji of {}", "a bright icon of {}")
DRAWINGS = (
    "a drawing of {}",
    "a line drawing of {}",
    "a sketch of {}",
    "a black and white drawing of {}",
)
WORDS = ("the word {}", "a sign that says {}", "text that reads {}", "a label saying {}")
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four"}
COLOURS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "gray": (150, 150, 150),
    "red": (225, 70, 70),
    "orange": (245, 160, 70),
    "yellow": (250, 225, 90),
    "green": (90, 185, 100),
    "blue": (80, 130, 225),
    "purple": (160, 100, 200),
    "pink": (250, 165, 200),
    "black": (25, 25, 25),
}
SYNONYM_SHARE = 0.25
GENERAL_SHARE = 0.6


def noun(concept: Concept, rng: np.random.Generator) -> str:
    """The thing with its article, now and then by a synonym."""
    if concept.synonyms and rng.random() < SYNONYM_SHARE:
        word = pick(concept.synonyms, rng)
        if not concept.article:
            return word
        return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
    return concept.phrase


def sentence(phrase: str, special: tuple[str, ...], rng: np.random.Generator) -> str:
    """``phrase`` in a general template, or in one for its modality."""
    templates = GENERAL if rng.random() < GENERAL_SHARE else special
    return pick(templates, rng).format(phrase)


def written(concept: Concept, rng: np.random.Generator) -> str:
    """What a picture of the bare word is called: the thing, or the word itself."""
    if rng.random() < GENERAL_SHARE:
        return sentence(concept.phrase, GENERAL, rng)
    return spelled(concept.name, rng)


def spelled(text: str, rng: np.random.Generator) -> str:
    """What a picture of letters that are not a word is called."""
    return pick(WORDS, rng).format(text)


def with_colour(caption: str, colour: str | None) -> str:
    """Name the ground where it has a nameable colour."""
    return caption if colour is None else f"{caption} on a {colour} background"


def counted(concept: Concept, count: int) -> str:
    """``one dog``, ``three dogs``."""
    return f"{NUMBERS[count]} {concept.name if count == 1 else concept.plural}"


def related(first: str, second: str, horizontal: bool) -> str:
    """``first`` stands left of, or above, ``second``."""
    return f"{first} to the left of {second}" if horizontal else f"{first} above {second}"
