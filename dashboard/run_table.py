"""The runs in a table: filtered, in order, page by page; one of them is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime

import streamlit as st

from clipprobe.arrays import missing
from clipprobe.report.numbers import estimate_parts, format_cell, format_estimate
from dashboard.components import ANY, choose_or_any, visible
from dashboard.runs import COMPLETE, RunEntry, model_words

PER_PAGE = 10
NEWEST, BY_NAME = "newest first", "by name"
#: Kind of run -> its icon.
KIND_ICONS = {
    "atlas": ":material/scatter_plot:",
    "composition": ":material/join_inner:",
    "typographic": ":material/match_case:",
    "typographic-search": ":material/search:",
    "typographic-sweep": ":material/tune:",
    "stroop": ":material/palette:",
    "why": ":material/account_tree:",
    "words": ":material/spellcheck:",
    "captions": ":material/short_text:",
    "labels": ":material/label:",
    "multimodality": ":material/layers:",
    "effects": ":material/bolt:",
    "similar": ":material/join_inner:",
    "bias": ":material/balance:",
    "bias-gap": ":material/account_tree:",
    "bias-mitigation": ":material/healing:",
    "bias-written": ":material/draw:",
    "zeroshot": ":material/category:",
    "few-shot": ":material/school:",
    "limits": ":material/rule:",
    "carriers": ":material/account_tree:",
    "faithfulness": ":material/fact_check:",
    "demo": ":material/play_circle:",
    "suite": ":material/checklist:",
}
COMPARED = "typographic bias faithfulness zeroshot few-shot limits carriers suite".split()
KIND_ICONS |= {f"{kind}-comparison": ":material/compare_arrows:" for kind in COMPARED}


def pick_run(runs: list[RunEntry]) -> RunEntry | None:
    """Filters, the table, and its pages.

    Returns:
        The run of the chosen row, the first one without a choice; None where no run fits.
    """
    listed = filtered(runs)
    if not listed:
        st.info("No run is like that: change what is looked for.")
        return None
    table = st.container()
    n_pages = -(-len(listed) // PER_PAGE)
    page = 1
    if n_pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            page = st.pagination(n_pages, key="runs_page", persist_state="session")
            st.caption(f"{len(listed):,} of {len(runs):,} runs, {PER_PAGE} on a page")
    first = (min(page, n_pages) - 1) * PER_PAGE
    shown = listed[first : first + PER_PAGE]
    with table:
        item = chosen(shown)
    st.session_state["run looked at"] = item.name
    return item


def filtered(runs: list[RunEntry]) -> list[RunEntry]:
    """The runs that the widgets ask for, in the order that they ask for."""
    with st.container(key="filters"):
        name, kind, model, state, order = st.columns([3, 2, 3, 2, 2])
    part = name.text_input(
        "Name contains", key="runs_name", placeholder="any name", persist_state="session"
    )
    facts = {
        kind_words: one_of(kind, "Kind", runs, kind_words),
        model_of: one_of(model, "Model", runs, model_of),
        state_of: one_of(state, "State", runs, state_of),
    }
    by = order.selectbox("Order", [NEWEST, BY_NAME], key="runs_order", persist_state="session")
    fitting = [
        item
        for item in runs
        if (part or "").strip().casefold() in item.name.casefold()
        and all(choice in (ANY, fact(item)) for fact, choice in facts.items())
    ]
    return fitting if by == BY_NAME else sorted(fitting, key=lambda item: -item.written)


def one_of(
    place: st.delta_generator.DeltaGenerator,
    label: str,
    runs: Iterable[RunEntry],
    fact: Callable[[RunEntry], str],
) -> str:
    """A list of what the runs are, to choose one from."""
    options = sorted({fact(item) for item in runs} - {""})
    with place:
        return choose_or_any(label, options, f"runs_{label.casefold()}", persist_state="session")


def chosen(shown: list[RunEntry]) -> RunEntry:
    """The table of a page; the run of the row that is chosen there."""
    names = [item.name for item in shown]
    current = st.session_state.get("run looked at")
    event = st.dataframe(
        {
            "run": names,
            "kind": [kind_words(item) for item in shown],
            "state": [item.state for item in shown],
            "first number": [first_number(item) for item in shown],
            "used": [used(item) for item in shown],
            "written": [when(item.written) for item in shown],
            "model": [model_of(item) for item in shown],
        },
        key=table_key(names),
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={
            "selection": {"rows": [names.index(current) if current in names else 0]}
        },
        hide_index=True,
        placeholder="",
        column_config={
            "run": st.column_config.TextColumn(width="medium"),
            "first number": st.column_config.TextColumn(width=250),
            "used": st.column_config.NumberColumn(format="localized"),
        },
        alt=f"{len(names)} runs with kind, state, first number, inputs used, time and model; "
        "choose a row to see more",
    )
    rows = event["selection"]["rows"]
    return shown[rows[0] if rows and rows[0] < len(shown) else 0]


def table_key(names: list[str]) -> str:
    """Another table for other rows, so that no row of the last one stays chosen."""
    return f"runs {hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:12]}"


def kind_words(item: RunEntry) -> str:
    """The kind of a complete run."""
    return visible(item.run.kind) if item.run else ""


def state_of(item: RunEntry) -> str:
    """Whether it is a run."""
    return item.state


def model_of(item: RunEntry) -> str:
    """The model of a complete run."""
    return visible(model_words(item.run)) if item.run else ""


def first_number(item: RunEntry) -> str:
    """The first of the headline numbers."""
    headline = item.run.summary.get("headline") if item.run else None
    if not headline:
        return "" if item.state == COMPLETE else visible(item.problem)
    name, estimate = headline[0]["name"].replace("_", " "), headline[0]["estimate"]
    parts = estimate_parts(estimate)
    if parts is None or missing(parts[0]):
        return visible(f"{name}: {format_cell(estimate)}")
    return visible(f"{name}: {format_estimate(*parts[:4], reason='')}")  # which is on the card


def used(item: RunEntry) -> int | None:
    """How many inputs a complete run used."""
    return item.run.manifest["counts"].get("used") if item.run else None


def when(written: int) -> str:
    """Local time of a manifest; empty without one."""
    try:
        return f"{datetime.fromtimestamp(written / 1e9):%Y-%m-%d %H:%M}" if written else ""
    except (OverflowError, ValueError, OSError):  # a file may bear any time
        return ""
