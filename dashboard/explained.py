"""Explanations, words and parts of one score, computed once for each image, text and option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

import clipprobe
from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.words_explained import WordExplanation
from clipprobe.errors import UnknownHookPointError
from clipprobe.hooks.names import parse_unit
from clipprobe.models import Clip
from clipprobe.stimuli import concepts
from clipprobe.zeroshot import TEMPLATES
from clipprobe.zeroshot.scores.null import NullTexts, null_texts
from dashboard.byte_cache import byte_cached
from dashboard.state import BY_CONTENT, image_vectors, text_vectors

N_NULL = 200  # texts of each kind
UNRELATED = "names of other things"
NULLS = {
    "letters": "letter strings",
    "pseudo-words": "words that do not exist",
    "words": UNRELATED,
}


def explanations(
    clip: Clip,
    image: Image.Image,
    target: str,
    methods: Sequence[str],
    *,
    against: tuple[str, ...] = (),
    centre: bool = False,
) -> dict[str, Explanation]:
    """Each method's map of one score; a method that was computed before is not computed again."""
    return {name: _explanation(clip, image, target, name, against, centre) for name in methods}


@byte_cached(most_mb=64, hash_funcs=BY_CONTENT)
def _explanation(
    clip: Clip,
    image: Image.Image,
    target: str,
    method: str,
    against: tuple[str, ...],
    centre: bool,
) -> Explanation:
    return clipprobe.explain(
        clip, image, as_target(target), method=method, against=against or None, centre=centre
    )


def as_target(target: str) -> Any:
    """A unit where the text is the address of one, else the text."""
    try:
        return parse_unit(target.strip())
    except UnknownHookPointError:
        return target


@st.cache_resource(show_spinner=False, max_entries=256, hash_funcs=BY_CONTENT)
def words(clip: Clip, image: Image.Image, text: str) -> WordExplanation:
    """What each word of the text adds to its cosine with the image."""
    (one,) = clipprobe.explain_words(clip, [image], [text])
    return one


pairs = st.cache_resource(show_spinner=False, max_entries=32, hash_funcs=BY_CONTENT)(
    clipprobe.interactions
)
"""Which patch with which word makes the cosine."""


@st.cache_data(show_spinner=False, max_entries=128, hash_funcs=BY_CONTENT)
def strongest_parts(
    clip: Clip, image: Image.Image, text: str, k: int
) -> tuple[list[tuple[str, float]], float]:
    """The heads, neurons and other terms that add most to the cosine, and the gap of the sum."""
    parts = clipprobe.decompose(clip, image)
    direction = clip.encode_texts([text])[0]
    return parts.ranked(direction, k), parts.gap


def percentiles(
    clip: Clip,
    image: Image.Image,
    cosines: Sequence[float],
    texts: Sequence[str],
    *,
    templates: tuple[str, ...] | None = None,
) -> dict[str, npt.NDArray[np.float64]]:
    """Kind of null text -> share of them below each cosine; see ``NullTexts.below``.

    Args:
        templates: Sentences around the null texts; the general ones where None.
    """
    null = _null_texts(clip, templates)
    shares = null.below(image_vectors(clip, [image])[0], cosines, texts)
    return {NULLS[kind]: share for kind, share in shares.items()}


@st.cache_resource(
    show_spinner="Encoding texts that mean nothing (once)…", max_entries=4, hash_funcs=BY_CONTENT
)
def _null_texts(clip: Clip, templates: tuple[str, ...] | None) -> NullTexts:
    names = [concept.name for concept in concepts()]
    return null_texts(clip, templates=templates or TEMPLATES, n=N_NULL, others=names)


def cosine(clip: Clip, image: Image.Image, text: str) -> float:
    """Of an image and a text."""
    return float(image_vectors(clip, [image])[0] @ text_vectors(clip, (text,))[0])
