"""The entry point that Streamlit runs: pages, frame, and the one place where errors are shown.

Start it with ``clipprobe dashboard``; the runs folder and the model come from there through the
environment. Each file in ``views/`` is a page and answers one question.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Streamlit runs this file as a script, so the package is found only where its parent is on the
# path. An environment where another `dashboard` comes first is refused by the command line.
ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

from dashboard.address import tab_title  # noqa: E402
from dashboard.components import errors_shown, favicon, plain  # noqa: E402
from dashboard.model_switch import follow_address, show_switch  # noqa: E402
from dashboard.settings import as_typed, runs_folder  # noqa: E402
from dashboard.state import chosen_edits  # noqa: E402

STYLE = Path(ROOT) / "dashboard" / "elements" / "page.css"


def main() -> None:
    """Draw the frame and run the chosen page."""
    st.set_page_config(page_title="clipprobe", page_icon=favicon(), layout="wide")
    pages = [
        st.Page("views/overview.py", title="Runs", icon=":material/grid_view:", default=True),
        st.Page("views/units.py", title="Units", icon=":material/apps:"),
        st.Page("views/unit.py", title="Unit", icon=":material/scatter_plot:"),
        st.Page("views/image.py", title="Image", icon=":material/image_search:"),
        st.Page("views/explain.py", title="Explain", icon=":material/lightbulb:"),
        st.Page("views/similarity.py", title="Similarity", icon=":material/grid_on:"),
        st.Page("views/zeroshot.py", title="Zero-shot & limits", icon=":material/category:"),
        st.Page("views/typographic.py", title="Typographic lab", icon=":material/match_case:"),
        st.Page("views/reports.py", title="Reports", icon=":material/description:"),
    ]
    page = st.navigation(pages, position="top")
    st.set_page_config(page_title=tab_title(page.title))  # a page may say more
    st.html(STYLE)
    with st.container(horizontal=True, vertical_alignment="center"):
        show_switch()
        where = [f"Runs: {as_typed(runs_folder())}"]
        where += [f"Edit: {as_typed(Path(place))}" for place in chosen_edits()]
        st.caption(" · ".join(map(plain, where)), width="content")
    if follow_address():
        with errors_shown():
            page.run()


main()
