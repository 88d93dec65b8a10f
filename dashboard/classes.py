"""The class list and the prompts of a page, checked once for each text of the two fields."""

from __future__ import annotations

from functools import lru_cache

from clipprobe.errors import DataError
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.zeroshot.classes import key
from clipprobe.zeroshot.prompts import check_templates

MAX_CLASSES = 1000
STARTING_CLASSES = (
    "apple", "dog", "cat", "car", "house", "tree", "banana", "guitar", "phone", "fish", "clock",
    "rose",
)  # fmt: skip


@lru_cache(maxsize=16)
def checked_classes(
    text: str, templates: str, *, page: str, audit: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes and the prompts of two fields, one per line; the last ones are known.

    A class that is there already, in any spelling, counts once.

    Args:
        page: Its name, as the subject of a sentence.
        audit: The command for longer lists.
    Raises:
        DataError: fewer than two classes, or too many.
        ConfigError: one names a group of people, or a prompt has no place for the class.
    """
    first: dict[str, str] = {}
    for line in text.splitlines():
        if key(line):
            first.setdefault(key(line), line.strip())
    names = tuple(first.values())
    if len(names) < 2:
        raise DataError(
            f"The class list holds {len(names)} name(s), and an answer is a choice: give at least "
            "two, one per line."
        )
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"The class list holds {len(names):,} names and {page} takes {MAX_CLASSES:,}: shorten "
            f"it, or use {audit}."
        )
    refuse_person_groups(names, page)
    prompts = tuple(check_templates(templates.splitlines()))
    refuse_person_groups(in_sentences(names, prompts), page)
    return names, prompts
