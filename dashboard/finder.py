"""Which unit to look at: a table of the units of an atlas, by property and by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from clipprobe.neurons.atlas.properties import properties
from dashboard import state

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas

ANY = "any"


def pick_from_table(atlas: Atlas) -> None:
    """Units in a table; choosing a row puts its address into the text field."""
    left, middle, right = st.columns(3)
    site = left.selectbox("Hook point", list(atlas.sites), key="site", persist_state="session")
    kind = middle.selectbox(
        "Units that are",
        [ANY, *(name for name, one in properties().items() if not one.table)],
        key="kind",
        persist_state="session",
        help="Selective: ranked by how far their strongest images lie above their mean.",
    )
    labels = state.atlas_labels(atlas, state.atlas_key(atlas))
    label = right.selectbox(
        f"Whose strongest {atlas.inputs} show",
        [ANY, *labels],
        key="label_of",
        persist_state="session",
    )
    rows = state.unit_rows(
        atlas,
        state.atlas_key(atlas),
        site,
        None if kind == ANY else kind,
        None if label == ANY else label,
    )
    if not rows:
        st.info("No unit of this hook point is so.")
        return
    columns = ("address", "label", "purity", "peak", "mean", "std", "low", "high", "share_positive")
    table = {name: [row[name] for row in rows] for name in columns}
    event = st.dataframe(
        table,
        key=f"units {atlas.path} {site} {kind} {label}",  # another table, no row chosen
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=300,
        column_config={
            "address": st.column_config.TextColumn("unit", width="medium"),
            "label": st.column_config.TextColumn("label of its strongest"),
            "purity": st.column_config.NumberColumn("share with it", format="percent"),
            "peak": st.column_config.NumberColumn("peak, σ", format="%.1f"),
            "share_positive": st.column_config.NumberColumn("above 0", format="percent"),
            **{
                name: st.column_config.NumberColumn(name, format="%.4g")
                for name in ("mean", "std", "low", "high")
            },
        },
        alt=f"{len(rows)} units of {site} with their statistics; choose a row to open one",
    )
    st.caption(
        f"{len(rows):,} units over {atlas.images.n_used:,} {atlas.inputs}. Of "
        f"{rows[0]['peak_floor_of']} 95 % have a peak below "
        f"{rows[0]['peak_floor']:.1f} σ; " + purity_words(rows[0]["purity_floor"])
    )
    selected = event["selection"]["rows"]
    address = table["address"][selected[0]] if selected and selected[0] < len(rows) else None
    # Only a new choice moves the page: the text field can be changed while a row stays chosen.
    if address is not None and address != st.session_state.get("chosen_before"):
        st.session_state["unit"] = address
    st.session_state["chosen_before"] = address


def purity_words(floor: float | None) -> str:
    """What share of one label chance alone would give the purest unit."""
    if floor is None:
        return "whether one label prevails beyond chance cannot be told here."
    return f"a share of one label below {floor:.0%} can be chance (95 %, over all its units)."
