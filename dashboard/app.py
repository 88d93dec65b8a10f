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

from dashboard.components import errors_shown, favicon, plain  # noqa: E402
from dashboard.model_switch import follow_address, show_switch  # noqa: E402
from dashboard.settings import as_typed, runs_folder  # noqa: E402
from dashboard.state import chosen_edits  # noqa: E402

#: Columns that stay two beside each other on a phone: short fields, images, and rows of numbers.
TWO_ABREAST = (
    ':is(:is(.st-key-lab-conditions, .st-key-filters) [data-testid="stHorizontalBlock"], '
    '[data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]:first-child '
    '> [data-testid="stVerticalBlock"] > :first-child [data-testid="stMetric"]))'
)
#: Content up to 1,600 px beside each other, lines of text of about 90 characters at most; captions
#: hold the numbers' n and intervals, so they are as dark as text may need to be (contrast at least
#: 4.5 : 1 in both themes).
STYLE = """<style>
.stMainBlockContainer { max-width: 1600px; padding: 4.5rem 2rem 3rem; }
[data-testid="stCaptionContainer"] { opacity: 1; color: inherit; }
[data-testid="stCaptionContainer"] p { opacity: 0.82; }
.stPlotlyChart :is(.xtick text, .ytick text, .xtitle, .ytitle, .legendtext, .annotation-text) {
  fill: currentColor !important;
}
.stCode .token, .stJson .variable-value * { color: inherit !important; }
.stMainBlockContainer [data-testid="stMarkdownContainer"] :is(p, li) { max-width: 75ch; }
[class*="st-key-beside"] {
  display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 560px), 1fr));
}
.st-key-beside-sections { grid-template-columns: repeat(auto-fill, minmax(min(100%, 720px), 1fr)); }
[data-testid="stPaginationEllipsis"] { color: inherit; opacity: 1; }
:is(.stMultiSelect [data-tag], [data-testid^="stBaseButton-primary"]) {
  background-color: #0072B2 !important; color: white !important;
}
@media (min-width: 641px) { .st-key-lab-settings {
  position: sticky; top: 4.5rem; max-height: calc(100vh - 5.5rem);
  overflow: auto; padding-right: 8px;
} }
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 4rem 1rem 2rem; }
  .stMainBlockContainer h1 { font-size: 1.35rem; }
  TWO { display: grid; grid-template-columns: 1fr 1fr; }
  TWO > [data-testid="stColumn"] { width: 100%; min-width: 0; }
  TWO > :has(.st-key-find, .st-key-atlas_run) { grid-column: 1 / -1; }
}
</style>""".replace("TWO", TWO_ABREAST)


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
