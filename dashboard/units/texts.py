"""The texts of a unit of the text tower: at its ends and along its range."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from clipprobe.neurons.atlas.showing import range_words, token_words
from clipprobe.neurons.atlas.unit import Firing, Unit


def show_text_range(unit: Unit) -> None:
    """The texts all along the range, in a table."""
    filled = [one for one in unit.bins[::-1] if one.firings]
    st.caption(
        "Texts drawn evenly from each stretch of the range: what the strongest say need not hold "
        "further down."
    )
    st.dataframe(
        {
            "activation": [range_words(one) for one in filled],
            "texts": [one.n_images for one in filled],
            "for example": [" · ".join(f.id for f in one.firings[::-1]) for one in filled],
        },
        hide_index=True,
        alt=f"{len(filled)} stretches of the range, the strongest first, with texts for each",
    )


def show_texts(firings: Sequence[Firing], name: str) -> None:
    """Texts with their activations, in a table."""
    table = {
        "text": [one.id for one in firings],
        "activation": [one.value for one in firings],
    }
    if any(one.token is not None for one in firings):
        table["token that fired"] = [token_words(one) for one in firings]
    st.dataframe(
        table,
        hide_index=True,
        column_config={"activation": st.column_config.NumberColumn(format="%.4g")},
        alt=f"{name} texts with their activations",
    )
    st.caption(f"{name} texts. They were chosen for it, so they are not typical of the unit.")
