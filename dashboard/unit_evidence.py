"""What the other instruments found about a unit, from the runs beside its atlas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from clipprobe.neurons.evidence import gather
from clipprobe.neurons.instruments import INSTRUMENTS
from clipprobe.neurons.sheet import run_warnings
from clipprobe.report.numbers import format_cell
from dashboard.components import plain

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.unit import Unit


def show_evidence(atlas: Atlas, unit: Unit) -> None:
    """A folded part for every instrument that says something of the unit; nothing if none does."""
    evidence = gather(atlas)
    asked = [(one, evidence.about(one.name, unit.address)) for one in INSTRUMENTS]
    asked = [(one, found) for one, found in asked if found]
    if not asked:
        return
    st.subheader("What other runs found", anchor=False)
    for instrument, found in asked:
        with st.expander(instrument.title):
            st.caption(plain(instrument.question))
            for run in dict.fromkeys(one.run.path for one in found):
                first = next(one.run for one in found if one.run.path == run)
                for text in run_warnings(first, unit):
                    st.warning(plain(text))
            for one in found:
                if one.warning:
                    st.warning(plain(one.warning))
                columns = zip(*one.rows, strict=True)
                st.dataframe(
                    {
                        name: [format_cell(value) for value in column]
                        for name, column in zip(one.columns, columns, strict=True)
                    },
                    hide_index=True,
                    alt=f"{instrument.title}, from {one.run.path.name}: {', '.join(one.columns)}",
                )
                st.caption(plain(one.caption))
