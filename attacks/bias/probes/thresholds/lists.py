"""The label lists that ship: occupations and appearance, with the source of each word."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from attacks.bias.evidence.answers import LabelSet

SOURCE = (
    "occupations: everyday singular words for titles of the 2018 Standard Occupational "
    "Classification of the United States (public domain), chosen by hand over its 23 major groups; "
    "appearance: clipprobe's own words for hair, face, clothes and looks; both with the words that "
    "the CLIP paper names. The lists of the paper and of the vendors it used were not released"
)
TEMPLATE = "a photo of a {}"
LOOKS_TEMPLATE = "a photo of a person, {}"  # "a photo of a brown hair" is not a sentence


@cache
def occupations() -> tuple[str, ...]:
    """About 370 occupations, sorted."""
    return _words("occupations.csv")


@cache
def appearance() -> tuple[str, ...]:
    """About 80 words for looks and clothes, sorted."""
    return _words("appearance.csv")


def label_sets(
    words: tuple[str, ...] | None, templates: tuple[str, ...] | None
) -> tuple[LabelSet, ...]:
    """The user's words as one set; else occupations, and occupations with appearance."""
    if words is not None:
        return (LabelSet(name="words", labels=words, templates=templates or (TEMPLATE,)),)
    jobs = occupations()
    both = tuple(sorted({*jobs, *appearance()}))
    return (
        LabelSet(name="occupations", labels=jobs, templates=templates or (TEMPLATE,)),
        LabelSet(
            name="occupations and looks", labels=both, templates=templates or (LOOKS_TEMPLATE,)
        ),
    )


def _words(name: str) -> tuple[str, ...]:
    file = resources.files("clipprobe") / "assets" / "bias" / name
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return tuple(row["word"] for row in rows)
