"""Texts that a page takes: class lists and prompts are checked, and what the model cuts is told.

Both are done once for each text of a field: a page runs again at every click.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from weakref import WeakKeyDictionary

import streamlit as st

from clipprobe.errors import DataError
from clipprobe.models import Clip
from clipprobe.models.texts import cut_sentence
from clipprobe.people import in_sentences, refuse_person_groups
from clipprobe.zeroshot.classes import key
from clipprobe.zeroshot.prompts import check_templates, fill
from dashboard.byte_cache import drop_oldest
from dashboard.components import plain

MAX_CLASSES = 1000
STARTING_CLASSES = (
    "apple", "dog", "cat", "car", "house", "tree", "banana", "guitar", "phone", "fish", "clock",
    "rose",
)  # fmt: skip
MOST_KNOWN = 64
"""Lists of texts whose sentence is kept for each model."""
AS_IT_IS = ("{}",)
Texts = tuple[str, ...]
_KNOWN: WeakKeyDictionary[Clip, dict[tuple[Texts, Texts], str]] = WeakKeyDictionary()


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


def note_cut(clip: Clip, texts: Iterable[str], templates: Iterable[str] = AS_IT_IS) -> None:
    """Warn once of the texts that the model does not read to their end.

    Args:
        templates: Sentences that each of the texts stands in.
    """
    if sentence := cut_words(clip, tuple(texts), tuple(templates)):
        st.warning(plain(sentence), icon=":material/content_cut:")


def cut_words(clip: Clip, texts: Texts, templates: Texts) -> str:
    """The sentence, empty where nothing is cut; the lists that came last are known."""
    known, lists = _KNOWN.setdefault(clip, {}), (texts, templates)
    sentence = known.get(lists)
    if sentence is None:
        filled = list(dict.fromkeys(one for text in texts for one in fill(templates, text)))
        sentence = cut_sentence(filled, clip.tokens.lengths(filled), clip.tokens.context)
        known[lists] = sentence
        drop_oldest(known, MOST_KNOWN)
    return sentence
