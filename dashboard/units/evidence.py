"""What the other instruments say of a unit, and how to ask those that were not asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from clipprobe.hooks.units import Site
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.instruments.instrument import Instrument
from clipprobe.neurons.instruments.registry import beside_atlas
from clipprobe.neurons.instruments.rows import UnitRows
from clipprobe.neurons.labels.naming import UnitName, unit_names
from clipprobe.neurons.sheet.commands import ask
from clipprobe.neurons.sheet.evidence import Evidence, gather, runs_root
from clipprobe.neurons.sheet.sheet import run_warnings
from clipprobe.report.numbers import format_cell
from clipprobe.runs import RunView
from dashboard.atlas_state import BY_ATLAS
from dashboard.components import plain
from dashboard.settings import as_typed, runs_folder


def evidence_of(atlas: Atlas, runs: Sequence[RunView]) -> Evidence:
    """The runs on the weights of an atlas, wherever they lie.

    Args:
        runs: All of the folder of runs. Where that holds the folder around the atlas, they are not
            looked for and read again, which with hundreds of runs takes longer than the page.
    """
    around = runs_root(atlas)
    near = around is None or not around.is_relative_to(runs_folder().resolve())
    return gather(atlas, among=sorted(runs, key=lambda run: run.path.as_posix()), near=near)


def runs_key(evidence: Evidence) -> list[str]:
    """A key of where the runs lie that say something of a unit."""
    return [str(run.path) for runs in evidence.runs.values() for run in runs]


BY_EVIDENCE: Any = BY_ATLAS | {Evidence: runs_key}
"""What the caches know images, models, atlases and the runs on them by."""


@st.cache_resource(show_spinner=False, max_entries=8, ttl=60, hash_funcs=BY_EVIDENCE)
def names_of(atlas: Atlas, evidence: Evidence) -> dict[str, UnitName]:
    """What runs of labels call the units of an atlas; read once for each set of runs."""
    return unit_names(evidence.runs.get("labels", ()))


def instruments(atlas: Atlas, site: Site) -> dict[str, Instrument]:
    """Title of a tab -> the instrument that can say something of units of this hook point."""
    able = (one for one in beside_atlas() if one.knows(atlas.tower, site.name, site.unit))
    return {one.name.capitalize(): one for one in able}


def show_instrument(instrument: Instrument, atlas: Atlas, unit: Unit, evidence: Evidence) -> None:
    """What runs of one instrument say of the unit; without one, its question and command."""
    st.caption(plain(f"{instrument.title}. {instrument.question}"))
    runs = evidence.about(instrument.name, unit.address)
    for number, (run, tables) in enumerate(runs):
        for text in run_warnings(run, unit):
            st.warning(plain(text))
        with st.container(key=f"beside-tables-{number}"):
            for place, one in enumerate(tables):
                with st.container(key=f"table-{number}-{place}"):
                    _show_table(one, f"{instrument.title}, from {run.path.name}")
        st.caption(plain(f"From the run {as_typed(run.path)}."))
    if not runs:
        show_unasked(instrument, atlas, unit, n_runs=len(evidence.runs.get(instrument.name, ())))


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


def show_unasked(instrument: Instrument, atlas: Atlas, unit: Unit, *, n_runs: int) -> None:
    """That nobody asked yet, what asking costs, and the command that asks."""
    there = (
        f"{n_runs:,} runs of it on these weights leave this unit out."
        if n_runs
        else ("No run of it on these weights is in the folder of runs.")
    )
    cost = instrument.cost.format(n=f"{atlas.images.n_used:,}", inputs=atlas.inputs)
    st.info(plain(f"Not asked yet: {there}" + (f" It costs {cost}." if cost else "")))
    st.code(ask(instrument, atlas, unit.address), language="shell", wrap_lines=True)
    st.caption("Capital letters are for you to fill in. The run shows here when it is done.")
