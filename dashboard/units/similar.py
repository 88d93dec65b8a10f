"""Units that share their strongest images with a unit, from the atlas alone."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.statistics.plane import Neighbours, nearest_units
from clipprobe.neurons.labels.naming import UnitName
from clipprobe.neurons.sheet.query import Match
from dashboard.atlas_state import BY_ATLAS
from dashboard.components import plain
from dashboard.units.wall import show_wall


def show_neighbours(atlas: Atlas, run: str, address: str, names: Mapping[str, UnitName]) -> None:
    """The nearest units as tiles, beside the cosine that chance reaches."""
    st.subheader("Units with the same strongest images", anchor=False)
    found = neighbours(atlas, address)
    if not found.units:
        st.info("No other unit has one of its strongest images.")
        return
    matches = [Match(address=unit, why=(f"cosine {value:.2f}",)) for unit, value in found.units]
    show_wall(atlas, run, matches, names)
    st.caption(
        plain(
            f"Cosine of profiles: how far each image lies above a unit's mean, for its strongest "
            f"images. With this unit's images drawn by chance the nearest of {found.n_units:,} "
            f"units stays below {found.floor:.2f} (95 % of {found.n_draws} draws). Opposed units "
            "are not seen this way: clipprobe neurons similar correlates all activations."
        )
    )


@st.cache_resource(show_spinner="Comparing profiles…", max_entries=256, hash_funcs=BY_ATLAS)
def neighbours(atlas: Atlas, address: str) -> Neighbours:
    """The units nearest to one."""
    return nearest_units(atlas, address)
