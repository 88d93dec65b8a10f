"""What the other instruments found about a unit, and how to ask those that were not asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from clipprobe.neurons.instruments.registry import beside_atlas
from clipprobe.neurons.sheet.commands import ask
from clipprobe.neurons.sheet.evidence import gather
from clipprobe.neurons.sheet.sheet import run_warnings
from clipprobe.report.numbers import format_cell
from clipprobe.runs import RunView
from dashboard.components import plain

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.atlas.unit import Unit
    from clipprobe.neurons.instruments.instrument import Instrument
    from clipprobe.neurons.instruments.rows import UnitRows


def show_evidence(atlas: Atlas, unit: Unit, runs: Sequence[RunView]) -> None:
    """A folded part for every instrument that says something of the unit, and one for the others.

    Args:
        runs: Where to look besides the folder of the atlas; those about other weights are left out.
    """
    evidence = gather(atlas, among=runs)
    views = [(one, evidence.about(one.name, unit.address)) for one in beside_atlas()]
    if any(runs_of for _, runs_of in views):
        st.subheader("What other runs found", anchor=False)
    for instrument, runs_of in views:
        if not runs_of:
            continue
        with st.expander(instrument.title):
            st.caption(plain(instrument.question))
            for run, tables in runs_of:
                for text in run_warnings(run, unit):
                    st.warning(plain(text))
                for one in tables:
                    _show_table(one, f"{instrument.title}, from {run.path.name}")
    show_unasked(atlas, unit, [one for one, runs_of in views if not runs_of])


def _show_table(one: UnitRows, name: str) -> None:
    if one.warning:
        st.warning(plain(one.warning))
    columns = zip(*one.rows, strict=True)
    st.dataframe(
        {
            head: [format_cell(value) for value in column]
            for head, column in zip(one.columns, columns, strict=True)
        },
        hide_index=True,
        alt=f"{name}: {', '.join(one.columns)}",
    )
    st.caption(plain(one.caption))


def show_unasked(atlas: Atlas, unit: Unit, instruments: Sequence[Instrument]) -> None:
    """The questions about the unit that no run answers, each with its command."""
    site = unit.address.rpartition(":")[0]
    open_ones = [one for one in instruments if one.knows(atlas.tower, site, unit.kind)]
    if not open_ones:
        return
    with st.expander("Not asked yet", icon=":material/contact_support:"):
        for one in open_ones:
            st.caption(plain(f"{one.title}. {one.question}"))
            st.code(ask(one, atlas, unit.address), language="shell", wrap_lines=True)
