"""Which units are there, and where is my concept?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from clipprobe.errors import DataError
from clipprobe.neurons import Atlas
from clipprobe.neurons.sheet.commands import search_line
from clipprobe.neurons.sheet.evidence import Evidence
from clipprobe.neurons.sheet.query import Match, unasked
from dashboard import atlas_state, snippets
from dashboard.address import UNITS, tab_title
from dashboard.components import ANY, choose_or_any, errors_shown, plain
from dashboard.header import Page, show_page
from dashboard.runs import atlases, choose_run, find_runs
from dashboard.settings import runs_folder
from dashboard.units.evidence import evidence_of, names_of
from dashboard.units.notes import choose_saved, note_file, notes_of, saved_of, show_export
from dashboard.units.search import Found, among, block_of, found_units, site_of
from dashboard.units.wall import show_plane, show_wall

QUESTION = "Which units are there, and where is my concept?"
PER_SHEET = 24
FORMS = (
    "A word, a concept, a label or a caption, as runs of the instruments and the labels of the "
    "images tie them to units; an address such as post:17 or blocks.3.mlp.post; a condition such "
    "as peak>5; a property such as dead, selective, always on, multimodal, reads text. All that is "
    'written must hold. Text between "double quotes" is taken as it stands.'
)


def show(page: Page) -> None:
    """The whole page."""
    found = find_runs(runs_folder())
    st.title(QUESTION)
    runs = atlases(found)
    if not runs:
        return
    with st.container(key="filters"):
        left, middle, *facets = st.columns([3, 4, 2, 2, 2], vertical_alignment="bottom")
    with left:
        run = choose_run(runs, label="Atlas", key="atlas_run")
    if run is None:
        return
    page.of_run(run, str(st.session_state["atlas_run"]))
    atlas = atlas_state.open_atlas(run)
    line = middle.text_input(
        "Find", key="find", bind="query-params", placeholder="dog   peak>5   post:17   dead",
        help=FORMS,
    ) or ""  # fmt: skip
    with facets[0]:
        blocks = dict.fromkeys(map(block_of, atlas.sites))
        block = choose_or_any("Block", blocks, "block", bind="query-params")
    with facets[1]:
        kinds = dict.fromkeys(map(site_of, atlas.sites))
        site = choose_or_any("Hook point", kinds, "site", bind="query-params")
    saved = saved_of(atlas)
    with facets[2]:
        kept = choose_saved(saved)
    st.set_page_config(page_title=tab_title(line, "Units"))
    with errors_shown():
        sites = [
            name
            for name in atlas.sites
            if block in (ANY, block_of(name)) and site in (ANY, site_of(name))
        ]
        if not sites:
            raise DataError(f"The atlas has no hook point {site} in block {block}: choose another.")
        evidence = evidence_of(atlas, [item.run for item in found if item.run])
        units = found_units(atlas, evidence, line.strip(), sites)
        if kept:
            units = among(atlas, units, saved[kept])
        sheet, shown = show_units(page.address.run, atlas, evidence, units, line)
        some = sites if len(sites) < len(atlas.sites) else []
        page.python = snippets.search_code(
            run=str(run.path),
            line=line,
            sites=some,
            saved=(str(note_file()), kept) if kept else None,
        )
        if not kept:  # the command line knows no notes
            page.command = search_line(atlas, line, some, sheet * PER_SHEET)
        page.say([{"unit": one.address, "why": list(one.why)} for one in shown])
        page.address = replace(
            page.address,
            find=line,
            block="" if block == ANY else block,
            site="" if site == ANY else site,
            sheet="" if sheet == 1 else str(sheet),
        )
        if kept:
            page.turn("saved")
    show_export()


def show_units(
    run: str, atlas: Atlas, evidence: Evidence, found: Found, line: str
) -> tuple[int, Sequence[Match]]:
    """The map and a page of the wall.

    Returns:
        Which page, from 1, and its units.
    """
    n_all, n = len(found.mask), len(found.matches)
    if not n:
        st.info(plain(f"No unit is like that: {line}. {not_searched(evidence)}"))
        return 1, ()
    left, right = st.columns([3, 2], gap="medium")  # on a phone the first stands above
    with right, errors_shown():
        show_plane(atlas, run, found)
    with left:
        place = st.container()
        n_sheets = -(-n // PER_SHEET)
        sheet = 1
        if n_sheets > 1:
            sheet = min(st.pagination(n_sheets, key="sheet", bind="query-params"), n_sheets)
        first = (sheet - 1) * PER_SHEET
        with place:
            st.caption(
                plain(
                    f"{n:,} of {n_all:,} units, best first; {first + 1:,} to "
                    f"{min(n, first + PER_SHEET):,}. The bar is the peak, the mark what 95 % of "
                    f"bell-shaped units stay below. {not_searched(evidence)}"
                )
            )
            shown = found.matches[first : first + PER_SHEET]
            show_wall(atlas, run, shown, names_of(atlas, evidence), notes_of(atlas))
    return sheet, shown


def not_searched(evidence: Evidence) -> str:
    """The instruments that could say more of a text, were there a run."""
    missing = unasked(evidence)
    if not missing:
        return ""
    verbs = ", ".join(f"{one.name} (clipprobe {one.verb})" for one in missing)
    return f"Not searched, as there is no run on these weights: {verbs}."


show_page(UNITS, show)
