"""What a layout is, and what it reads: images with label, word, condition and pair.

Terms. *Pair*: the images of one object that are compared with each other: the photographed
attack, its *clean twin* (the same object without a word) and its *synthetic twin* (the word drawn
by a program instead of written by hand).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from clipprobe.data import Failure, ImageRecord
from clipprobe.data.records import Source
from clipprobe.zeroshot.classes import key

CLEAN, ATTACK, SYNTH = "clean", "attack", "synth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image of an attack data set."""

    id: str
    """Unique in its data set and the same on every machine."""
    source: Source
    label: str
    """What is shown."""
    word: str
    """What is written over it; ``""`` on a clean image."""
    pair: str
    """What it is compared within: a triplet, or all photographs of one object."""
    condition: str = ""
    """``clean`` or ``synth`` where the data set says so; ``""`` follows from the word."""
    aim: str = ""
    """On a clean twin: the word of its attack, so that both answer the same question."""
    planned: bool = False
    """Whether the word is still to be written on the image, by the audit."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one layout found at a path."""

    pictures: Sequence[Picture]
    skipped: Sequence[Failure] = ()
    warnings: Sequence[str] = ()

    @classmethod
    def by_name(
        cls,
        files: tuple[Sequence[ImageRecord], Sequence[Failure]],
        parse: Callable[[PurePosixPath], tuple[str, str, str] | str],
        *,
        own: bool = False,
    ) -> Reading:
        """Images whose names say what they show and what is written on them.

        Args:
            files: The image files, and those that are left out already.
            parse: A name -> label, word and pair; or why it says none.
            own: Whether the word may be the label, which then attacks nothing.
        """
        images, skipped = files[0], list(files[1])
        pictures = []
        for record in images:
            parts = parse(PurePosixPath(record.id))
            if isinstance(parts, str):
                skipped.append(Failure(record.id, parts))
                continue
            label, word, pair = parts
            if not own and key(label) == key(word):
                reason = f"its word {word!r} is its own label, so it attacks nothing"
                skipped.append(Failure(record.id, reason))
                continue
            pictures.append(
                Picture(id=record.id, source=record.source, label=label, word=word, pair=pair)
            )
        return cls(pictures, skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One data set's way of keeping its images."""

    name: str
    """What to ask for, such as ``rta-100``."""
    title: str
    read: Callable[[Path], Reading]
    recognise: Callable[[Path], bool]
    """Whether a path can only be this layout; cheap, and False in every doubt."""
    expected: tuple[int, ...] = ()
    """Published numbers of images; any of them is right. Empty: no number is published."""
    expected_note: str = ""
    """Why there is more than one published number."""
    licence: str = "not stated"
    noncommercial: bool = False
    source: str = ""
    """Where the data set is published."""
    citation: str = ""
    synonyms: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def bundled(
        cls, name: str, read: Callable[[Path], Reading], recognise: Callable[[Path], bool]
    ) -> Layout:
        """A layout of this package: its facts are in ``assets/typographic/layouts.json``."""
        facts = dict(_facts()[name])
        expected, synonyms = facts.pop("expected", ()), facts.pop("synonyms", {})
        return cls(
            name=name,
            read=read,
            recognise=recognise,
            expected=tuple(expected),
            synonyms=tuple((one, tuple(others)) for one, others in synonyms.items()),
            **facts,
        )

    def describe(self) -> dict[str, Any]:
        """Plain JSON: name, title, licence, source, citation and expected counts."""
        return {
            "layout": self.name,
            "title": self.title,
            "licence": self.licence,
            "noncommercial": self.noncommercial,
            "source": self.source,
            "citation": self.citation,
            "expected": list(self.expected),
        }

    def licence_notice(self) -> str:
        """One sentence where the licence limits what may be done, else ``""``."""
        if not self.noncommercial:
            return ""
        return (
            f"The images of {self.title} are under {self.licence}: they may not be used for "
            "commercial purposes."
        )


@cache
def _facts() -> dict[str, dict[str, Any]]:
    file = resources.files("clipprobe") / "assets" / "typographic" / "layouts.json"
    facts: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8"))
    return facts


def condition_of(p: Picture) -> str:
    """``planned``, ``clean``, ``synth``, ``true`` or ``attack``."""
    if p.planned:
        return "planned"
    if p.condition:
        return p.condition
    if not p.word:
        return CLEAN
    return "true" if key(p.word) == key(p.label) else ATTACK


def spaced(text: str) -> str:
    """``hot_dog`` as ``hot dog``: file names cannot hold what a prompt needs."""
    return " ".join(text.replace("_", " ").split())
