"""What does the report of a run say?"""

from __future__ import annotations

import streamlit as st

from clipprobe.runs import RunView
from dashboard.address import REPORTS
from dashboard.components import download, numbers_row, plain, visible
from dashboard.framing import framed, report_file
from dashboard.header import Page, show_page
from dashboard.runs import RunEntry, choose_run, find_runs, forget_address
from dashboard.settings import as_typed, runs_folder

HEIGHT_PX = 900


def show(page: Page) -> None:
    """The whole page."""
    st.title("What does the report say?")
    found = find_runs(runs_folder())
    runs = [item for item in found if item.run is not None]
    if not runs:
        others = (
            f" What is wrong with the {len(found)} others is on the page Runs." if found else ""
        )
        st.info(
            f"No complete run in {plain(as_typed(runs_folder()))}: `clipprobe demo` makes "
            f"some.{others}"
        )
        return
    run = choose_run(runs, label="Run", key="report_run")
    if run is None:
        return
    page.about_run(run, str(st.session_state["report_run"]))
    page.chips["Kind"] = run.kind
    for problem in run.leftovers():
        st.warning(plain(problem), icon=":material/warning:")
    link_inner_runs(run, runs)
    report, summary, manifest = st.tabs(["Report", "Summary", "Manifest"])
    with report:
        show_report(run)
    with summary:
        numbers_row(run.summary.get("headline") or [])
        show_json(run, "summary.json", run.summary)
    with manifest:
        show_json(run, "manifest.json", run.manifest)
        failures = run.manifest["failures"]
        if failures:
            st.dataframe(
                [{name: visible(value) for name, value in item.items()} for item in failures],
                hide_index=True,
                alt=f"{len(failures)} inputs that could not be used",
            )


def link_inner_runs(run: RunView, runs: list[RunEntry]) -> None:
    """Links to the runs inside this one, such as those of a demo."""
    inner = [
        item
        for item in runs
        if item.run and run.path in item.run.path.parents and report_file(item.run)
    ]
    if inner:
        # A click on one is a link, also to the run that the address named before this one.
        forget_address("report_run")
        with st.container(horizontal=True):
            for item in inner:
                st.page_link(
                    "views/reports.py",
                    label=plain(item.name),
                    icon=":material/description:",
                    query_params={"run": item.name},
                )


def show_report(run: RunView) -> None:
    """The page that the run wrote, inside a frame, and as a file."""
    report = report_file(run)
    if report is None:
        st.info("This run has written no report.")
        return
    if report.problem:
        st.warning(plain(report.problem))
        return
    path = report.path
    page = run.read_bytes(path.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        download("Download", page, f"{run.path.name}-{path.name}", "text/html")
        st.caption(
            f"{plain(as_typed(path))}. Links to elsewhere work when it is opened from there."
        )
    st.iframe(framed(page.decode("utf-8", "replace")), height=HEIGHT_PX, alt="The run's report")


def show_json(run: RunView, name: str, content: object) -> None:
    """A JSON file of the run, and the file itself."""
    if not run.has(name):
        st.info(f"This run has no {name}.")
        return
    file = run.read_bytes(name)
    download(f"Download {name}", file, f"{run.path.name}-{name}", "application/json")
    st.json(content, expanded=1)


show_page(REPORTS, show)
