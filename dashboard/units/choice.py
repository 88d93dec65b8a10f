"""The atlases that there are to look at, or what to do where there is none."""

from __future__ import annotations

import streamlit as st

from dashboard.components import plain
from dashboard.runs import RunEntry
from dashboard.settings import as_typed, runs_folder

MOST_PROBLEMS = 3


def atlases(found: list[RunEntry]) -> list[RunEntry]:
    """The complete atlases among the runs; without one, says how to make one and what is broken."""
    runs = [item for item in found if item.run and item.run.kind == "atlas"]
    if not runs:
        st.info(
            f"There is no atlas in {plain(as_typed(runs_folder()))}. `clipprobe demo` makes one, "
            "and `clipprobe neurons scan --images DIR --out DIR` makes one of your images."
        )
        for item in [one for one in found if one.problem][:MOST_PROBLEMS]:
            st.warning(plain(item.problem))
    return runs
