"""The texts of a unit of the text tower: at its ends and along its range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from clipprobe.neurons.atlas.showing import range_words, token_words
from dashboard.unit_images import RANGE, STRONGEST

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.unit import Unit


def show_texts(unit: Unit, part: str) -> None:
    """The texts at one end of the range, or all along it, in a table."""
    if part == RANGE:
        filled = [one for one in unit.bins[::-1] if one.firings]
        st.caption(
            "Texts drawn evenly from each stretch of the range: what the strongest say need not "
            "hold further down."
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
        return
    firings = unit.top if part == STRONGEST else unit.bottom
    st.caption(
        f"The {len(firings)} {part} of {unit.n_images:,}. They were chosen for it, so they are not "
        "typical of the unit."
    )
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
        alt=f"The {len(firings)} {part} texts with their activations",
    )
