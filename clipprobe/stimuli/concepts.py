"""The nameable things and the occupations that every stimulus is made of.

A concept is a thing that exists as colour picture, line drawing and written word. The lists are
plain CSV files in ``clipprobe/assets/concepts``; names have at most eight letters, so that a word
fits a small picture in one line. What the bundled model never saw stands in lists of its own.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from clipprobe.errors import ConfigError

_FOLDER = Path(__file__).parent.parent / "assets" / "concepts"

PERCEIVED_GENDERS = ("woman", "man")
PERSON_CODEPOINTS = {"woman": "1f469", "man": "1f468"}
SKIN_CODEPOINTS = {
    "light": "1f3fb",
    "medium-light": "1f3fc",
    "medium": "1f3fd",
    "medium-dark": "1f3fe",
    "dark": "1f3ff",
}
HAIR_CODEPOINTS = {"red hair": "1f9b0", "curly hair": "1f9b1", "white hair": "1f9b3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One nameable thing."""

    name: str
    """The word, singular unless the thing has no singular; at most eight letters."""
    article: str
    """``a``, ``an``, ``the`` or nothing (mass nouns and plurals)."""
    plural: str
    """The word for several of it."""
    kind: str
    """``count``, ``mass`` or ``plural``; only ``count`` takes numbers."""
    synonyms: tuple[str, ...]
    """Other words for it, used in captions only."""
    category: str
    """A broad class such as ``animal``."""
    codepoint: str
    """Unicode codepoint in hexadecimal, which names the picture in every emoji family."""

    @property
    def phrase(self) -> str:
        """The noun with its article, as it stands in a caption."""
        return f"{self.article} {self.name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupation:
    """One occupation that the bundled people can be drawn in."""

    name: str
    article: str
    base_codepoint: str
    """Codepoint of the whole figure, where the gender sign follows it; else empty."""
    suffix_codepoint: str
    """Codepoint joined to a woman or man; else empty."""

    @property
    def phrase(self) -> str:
        """The noun with its article."""
        return f"{self.article} {self.name}"


def _rows(file: str) -> list[dict[str, str]]:
    with (_FOLDER / file).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _concepts(file: str) -> tuple[Concept, ...]:
    result = []
    for row in _rows(file):
        synonyms = tuple(one for one in row.pop("synonyms").split(";") if one)
        result.append(Concept(synonyms=synonyms, **row))
    return tuple(result)


@lru_cache(maxsize=1)
def concepts() -> tuple[Concept, ...]:
    """Return every concept, in the order of the file."""
    return _concepts("concepts.csv")


@lru_cache(maxsize=1)
def unseen_concepts() -> tuple[Concept, ...]:
    """Return the nameable things that the bundled model is never shown or told of."""
    return _concepts("unseen.csv")


@lru_cache(maxsize=1)
def unnamed_things() -> tuple[str, ...]:
    """Return the codepoints of drawn things that have no name here and are never trained on."""
    return tuple((_FOLDER / "unnamed.txt").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1)
def occupations() -> tuple[Occupation, ...]:
    """Return every occupation, in the order of the file."""
    return tuple(Occupation(**row) for row in _rows("occupations.csv"))


@lru_cache(maxsize=1)
def _by_name() -> dict[str, Concept]:
    return {concept.name: concept for concept in concepts()}


def concept(name: str) -> Concept:
    """Return one concept by its name.

    Raises:
        ConfigError: no concept has that name.
    """
    try:
        return _by_name()[name]
    except KeyError:
        raise ConfigError(
            f"No concept is called {name!r} among the {len(concepts())} bundled ones; "
            "clipprobe.stimuli.concepts() lists them."
        ) from None
