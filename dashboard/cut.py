"""Which texts of a page are longer than the model reads, said in the sentence of the library."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import streamlit as st

from clipprobe.models import Clip
from clipprobe.models.texts import cut_sentence
from clipprobe.zeroshot.prompts import fill
from dashboard.byte_cache import drop_oldest
from dashboard.components import plain

MOST_KNOWN = 64
"""Lists of texts whose sentence is kept for each model."""
AS_IT_IS = ("{}",)
Texts = tuple[str, ...]
_KNOWN: WeakKeyDictionary[Clip, dict[tuple[Texts, Texts], str]] = WeakKeyDictionary()


def note_cut(clip: Clip, texts: Iterable[str], templates: Iterable[str] = AS_IT_IS) -> None:
    """Warn once of the texts that the model does not read to their end.

    Args:
        templates: Sentences that each of the texts stands in.
    """
    if sentence := cut_words(clip, tuple(texts), tuple(templates)):
        st.warning(plain(sentence), icon=":material/content_cut:")


def cut_words(clip: Clip, texts: Texts, templates: Texts) -> str:
    """The sentence, empty where nothing is cut; the lists that came last are known."""
    known, key = _KNOWN.setdefault(clip, {}), (texts, templates)
    sentence = known.get(key)
    if sentence is None:
        filled = list(dict.fromkeys(one for text in texts for one in fill(templates, text)))
        sentence = cut_sentence(filled, clip.tokens.lengths(filled), clip.tokens.context)
        known[key] = sentence
        drop_oldest(known, MOST_KNOWN)
    return sentence
