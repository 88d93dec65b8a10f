"""What the other instruments found about a unit, and how to ask those that were not asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from clipprobe.neurons.sheet.evidence import gather
from clipprobe.neurons.sheet.instruments import INSTRUMENTS, Instrument
from clipprobe.neurons.sheet.sheet import run_warnings
from clipprobe.report.numbers import format_cell
from clipprobe.runs import RunView
from dashboard.components import plain

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.atlas.unit import Unit


def show_evidence(atlas: Atlas, unit: Unit, runs: Sequence[RunView]) -> None:
    """A folded part for every instrument that says something of the unit, and one for the others.

    Args:
        runs: Where to look besides the folder of the atlas; those about other weights are left out.
    """
    evidence = gather(atlas, among=runs)
    records = [(one, evidence.about(one.name, unit.address)) for one in INSTRUMENTS]
    silent = [one for one, record in records if not record]
    records = [(one, record) for one, record in records if record]
    if records:
        st.subheader("What other runs found", anchor=False)
    for instrument, record in records:
        with st.expander(instrument.title):
            st.caption(plain(instrument.question))
            for run in dict.fromkeys(one.run.path for one in record):
                first = next(one.run for one in record if one.run.path == run)
                for text in run_warnings(first, unit):
                    st.warning(plain(text))
            for one in record:
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
    show_unasked(atlas, unit, silent)


def show_unasked(atlas: Atlas, unit: Unit, instruments: Sequence[Instrument]) -> None:
    """The questions about the unit that no run answers, each with its command."""
    site = unit.address.rpartition(":")[0]
    open_ones = [one for one in instruments if one.knows(atlas.tower, site)]
    if not open_ones:
        return
    with st.expander("Not asked yet", icon=":material/contact_support:"):
        for one in open_ones:
            st.caption(plain(f"{one.title}. {one.question}"))
            st.code(one.command_for(atlas, unit.address), language="shell", wrap_lines=True)
