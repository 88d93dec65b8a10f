"""What has been run, and what came out?"""

from __future__ import annotations

import streamlit as st

from clipprobe.runs import RunView
from dashboard.address import RUNS, Address
from dashboard.components import numbers_row, plain
from dashboard.framing import report_file
from dashboard.header import Page, show_page
from dashboard.lab.widgets import of_run
from dashboard.run_table import KIND_ICONS, pick_run
from dashboard.runs import RunEntry, data_words, find_runs, from_link, model_words
from dashboard.settings import as_typed, runs_folder

#: In a link: the run to look at. Not ``run``, which other pages may have left in the address.
SHOWN = "shown"


def show(page: Page) -> None:
    """The whole page."""
    st.title("What has been run?")
    folder = runs_folder()
    name = st.query_params.pop(SHOWN, None)
    before = st.session_state.get("run looked at")
    if from_link(name, shown=before, seen=f"{SHOWN} in the address"):
        st.session_state["runs_name"] = st.session_state["run looked at"] = name
    runs = find_runs(folder)
    if not runs:
        st.info(
            f"No runs in {plain(folder)}. `clipprobe demo` makes some, `clipprobe dashboard --runs "
            "DIR` looks elsewhere, and the typographic lab works without any."
        )
        return
    n_complete = sum(item.run is not None for item in runs)
    st.caption(
        f"{n_complete} complete, {len(runs) - n_complete} not, in {plain(as_typed(folder))}. Every "
        "number has its 95 % interval where one can be had, and its n."
    )
    for run in runs:
        for problem in run.run.leftovers() if run.run is not None else ():
            st.warning(plain(problem), icon=":material/warning:")
    item = pick_run(runs)
    if item is None:
        return
    if item.run is not None:
        page.about_run(item.run, item.name)
        page.address = Address(page=RUNS, knobs=((SHOWN, item.name),))
        run_card(item, item.run)
    else:
        with st.container(border=True):
            st.subheader(plain(item.name), anchor=False)
            st.warning(plain(item.problem), icon=":material/pending:")


def run_card(item: RunEntry, run: RunView) -> None:
    """One complete run: what it is, its headline, where to go on."""
    with st.container(border=True):
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader(plain(item.name), anchor=False, width="content")
            if run.kind in KIND_ICONS:
                st.badge(run.kind, icon=KIND_ICONS[run.kind])
            else:  # a badge reads its text in ways of its own
                st.caption(plain(run.kind), width="content")
        st.caption(f"{plain(model_words(run))} · {plain(data_words(run))}")
        headline = run.summary.get("headline") or []
        if headline:
            numbers_row(headline)
        else:
            st.caption("This run has no headline numbers.")
        links: list[tuple[str, str, str, dict[str, str]]] = []
        if report_file(run) is not None:
            links.append(("reports", "Report", "description", {"run": item.name}))
        if run.kind == "atlas":
            links.append(("units", "Units", "apps", {"run": item.name}))
        if run.kind == "typographic":
            lab = of_run(run.manifest["config"])
            links.append(("typographic", "Try it in the lab", "match_case", lab))
        with st.container(horizontal=True):
            for view, label, icon, where in links:
                st.page_link(
                    f"views/{view}.py", label=label, icon=f":material/{icon}:", query_params=where
                )


show_page(RUNS, show)
