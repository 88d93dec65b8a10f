"""What a unit writes, on texts that the user types: the ends of the list beside chance."""

from __future__ import annotations

import math

import streamlit as st

from clipprobe.errors import DataError
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.captions.ranking import text_prompts, vision_captions
from clipprobe.neurons.captions.result import CaptionScore, UnitCaptions
from clipprobe.neurons.effects.directions import Directions
from dashboard import state
from dashboard.components import plain
from dashboard.texts import STARTING_CLASSES, note_cut

MOST_TEXTS, MOST_LETTERS, SHOWN = 500, 20_000, 10
FIRST = (*STARTING_CLASSES, "a photo of an animal", "a drawing", "a written word")


def show_writes(atlas: Atlas, address: str, clip: Clip) -> None:
    """A list of texts, and which of them the unit writes most and least."""
    vision = atlas.tower == "vision"
    st.subheader("Texts of yours", anchor=False)
    left, right = st.columns([2, 3], gap="large")
    with left:
        given = st.text_area(
            "Words or sentences, one per line", "\n".join(FIRST), height=260, key="texts",
            max_chars=MOST_LETTERS, bind="query-params",
        )  # fmt: skip
    with right:
        texts = tuple(dict.fromkeys(filter(None, map(str.strip, (given or "").splitlines()))))
        if not 2 <= len(texts) <= MOST_TEXTS:
            raise DataError(
                f"The list has {len(texts):,} texts, and their mean is subtracted: give from 2 to "
                f"{MOST_TEXTS}, one per line."
            )
        note_cut(clip, texts)
        pool = "" if vision else atlas.pool
        found = written(clip, address, texts, pool)
        for place, (title, ends) in zip(
            st.columns(2), (("Most", found.top), ("Least", found.bottom)), strict=True
        ):
            with place:
                show_end(title, ends, vision=vision)
        st.caption(plain(floor_words(found)))


def show_end(title: str, ends: tuple[CaptionScore, ...], *, vision: bool) -> None:
    """The texts at one end."""
    st.dataframe(
        {
            title: [one.caption for one in ends],
            "cosine" if vision else "activation": [one.score for one in ends],
            "z": [one.z for one in ends],
        },
        hide_index=True,
        column_config={
            "cosine": st.column_config.NumberColumn(format="%+.3f"),
            "activation": st.column_config.NumberColumn(format="%+.4g"),
            "z": st.column_config.NumberColumn(format="%+.2f"),
        },
        alt=f"The {len(ends)} texts that the unit writes {title.lower()}, with scores",
    )


def floor_words(found: UnitCaptions) -> str:
    """What the numbers are, and what the highest of them would be by chance."""
    text = f"{found.measure.capitalize()}; z in standard deviations over {found.n_captions} texts. "
    if not math.isnan(found.chance):
        highest = found.top[0].z
        text += (
            f"The highest z is {highest:.2f}, and by chance it would be {found.chance:.2f} on "
            "average"
        )
        text += (
            f" ({found.n_random} random mixtures of the texts; p = {found.p:.3f}, of this unit "
            "alone and of a list that you chose)"
            if found.n_random
            else " (a bell-shaped unit)"
        )
        text += ". "
    if found.linearised_at:
        text += f"Linearised at {found.linearised_at}; {found.reason}."
    elif found.reason:
        text += f"{found.reason}."
    return text


@st.cache_resource(show_spinner="Encoding texts…", max_entries=64, hash_funcs=state.BY_CONTENT)
def written(clip: Clip, address: str, texts: tuple[str, ...], pool: str) -> UnitCaptions:
    """The ends of a list for one unit.

    Args:
        pool: How tokens of a text become one number; empty for a vision unit.
    Raises:
        UnsupportedHookError: the unit does not write to what becomes the embedding.
    """
    top = min(SHOWN, (len(texts) + 1) // 2)  # no text stands at both ends but the middle one
    if pool:
        (found,) = text_prompts(clip, [address], texts, pool=pool, top=top)
    else:
        directions = _directions(clip)
        (found,) = vision_captions(clip, [address], texts, directions=directions, top=top)
    return found


@st.cache_resource(
    show_spinner="Linearising the model (once)…", max_entries=2, hash_funcs=state.BY_CONTENT
)
def _directions(clip: Clip) -> Directions:
    return Directions(clip)
