"""How faithful the maps of one score are: known, or measured when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from PIL import Image

from clipprobe.attribution.explanation import Explanation
from clipprobe.attribution.faithfulness import ImageFaithfulness, image_faithfulness
from clipprobe.attribution.faithfulness.one_image import N_ORDERS, n_encodings
from clipprobe.attribution.page import FAITHFULNESS
from clipprobe.models import Clip
from dashboard.byte_cache import drop_oldest
from dashboard.state import BY_CONTENT, pixels

MOST_KNOWN = 64
"""Questions whose answers are kept for each model."""
BUTTON = "measure faithfulness"
Question = tuple[str, str, tuple[tuple[str, tuple[str, ...], bool], ...]]


def ask_faithfulness(
    clip: Clip, image: Image.Image, target: str, maps: Sequence[Explanation]
) -> ImageFaithfulness | None:
    """How faithful the maps are, where that is known; else what measuring costs, and a button.

    Args:
        target: What they explain.
        maps: At least one.
    """
    if maps[0].kind != "text":
        st.subheader(FAITHFULNESS, anchor=False)
        st.caption(
            "Not measured: faithfulness is read from the cosine with a text while patches are "
            "covered, and a unit has none. Explain a text to see it."
        )
        return None
    known = known_faithfulness(clip)
    question = pixels(image), target, tuple((one.method, one.against, one.centred) for one in maps)
    if question not in known:
        slot, total = st.empty(), n_encodings(len(maps))
        with slot.container():
            st.subheader(FAITHFULNESS, anchor=False)
            st.caption(
                "Patches are covered, and uncovered, in the order of each map and in "
                f"{N_ORDERS} random orders: the model encodes {total:,} images for it."
            )
            if not st.button("Measure", key=BUTTON, icon=":material/rule:"):
                return None
        done, bar = 0, slot.progress(0.0, f"0 of {total:,} images encoded")

        def tell(more: int) -> None:
            nonlocal done
            done += more
            bar.progress(min(1.0, done / total), f"{done:,} of {total:,} images encoded")

        try:
            known[question] = image_faithfulness(clip, image, target, maps, progress=tell)
        finally:
            slot.empty()
        drop_oldest(known, MOST_KNOWN)
    return known.get(question)


@st.cache_resource(show_spinner=False, max_entries=3, hash_funcs=BY_CONTENT)
def known_faithfulness(clip: Clip) -> dict[Question, ImageFaithfulness]:
    """What was measured of a model, the oldest first."""
    return {}
