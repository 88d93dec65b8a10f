"""What does this unit respond to?"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import streamlit as st

from clipprobe.errors import ClipprobeError, DataError
from clipprobe.hooks.names import parse_name, parse_unit
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.sheet import commands
from clipprobe.neurons.sheet.evidence import Evidence
from clipprobe.runs import RunView
from dashboard import atlas_state, snippets
from dashboard.address import UNIT, UNITS, Address, tab_title
from dashboard.components import choose_part, errors_shown, plain
from dashboard.header import Page, show_page
from dashboard.runs import atlases, choose_run, data_words, find_runs, model_words
from dashboard.settings import as_typed, runs_folder
from dashboard.units import evidence as others
from dashboard.units.effect import show_effect
from dashboard.units.fold import show_fold
from dashboard.units.images import PARTS, RANGE, show_range
from dashboard.units.notes import show_note
from dashboard.units.texts import show_text_range, show_texts
from dashboard.units.wall import show_neighbours
from dashboard.units.where import show_where, show_where_in_text
from dashboard.units.writes import show_writes

QUESTION = "What does this unit respond to?"
#: Part -> its widgets that are in the address beside the part.
IN_ADDRESS = {"Captions": ("texts",), "Range": ("show",)}
OVER_RANGE, WHERE, PROVENANCE = "Range", "Where", "Provenance"


def show(page: Page) -> None:
    """The whole page."""
    found = find_runs(runs_folder())
    top = st.container()
    runs = atlases(found)
    if not runs:
        top.title(QUESTION)
        return
    left, right = st.columns([2, 3])
    with left:
        run = choose_run(runs, label="Atlas", key="atlas_run")
    if run is None:
        return
    page.of_run(run, str(st.session_state["atlas_run"]))
    atlas = atlas_state.open_atlas(run)
    with right:
        address = st.text_input(
            "Unit, as hook point:index",
            key="unit",
            bind="query-params",
            placeholder=f"{next(iter(atlas.sites))}:0",
        )
    if not address:
        top.title(QUESTION)
        st.info(
            "Type an address, or find a unit by what it responds to on the page Units. This page's "
            "address in the browser then names the unit, and can be shared."
        )
        return
    try:
        unit = atlas.unit(address.strip())
    except ClipprobeError:  # the page stands above its message
        top.title(QUESTION)
        raise
    top.title(plain(unit.address))
    show_unit(page, run, atlas, unit, [item.run for item in found if item.run])


def show_unit(page: Page, run: RunView, atlas: Atlas, unit: Unit, runs: list[RunView]) -> None:
    """The answer, what more there is to know, and what the strip says."""
    parsed = parse_unit(unit.address)
    hook, site = parse_name(parsed.hook), atlas.site(parsed.hook)
    block = "" if hook.block is None else f"block {hook.block}"
    st.set_page_config(page_title=tab_title(f"{hook.site}:{parsed.index}", block))
    show_note(atlas, unit.address, f"{unit.kind}, {site.pooled(unit.pool)}")
    model, clip, trouble = model_or_reason(atlas)
    mapped = None
    evidence = others.evidence_of(atlas, runs)
    part = ""
    if not unit.n_images:
        st.warning(plain(unit.reason))
    else:
        name = others.names_of(atlas, evidence).get(unit.address)
        show_fold(atlas, site, unit, clip, name, trouble)
        instruments = others.instruments(atlas, site)
        part = st.segmented_control(
            "More of this unit",
            [OVER_RANGE, WHERE, *instruments, PROVENANCE],
            default=OVER_RANGE,
            key="part",
            required=True,
            bind="query-params",
        )
        with errors_shown():
            if part == OVER_RANGE:
                show_inputs(atlas, unit, clip)
            elif part == WHERE:
                mapped = show_place(atlas, unit, clip, trouble)
            elif part == PROVENANCE:
                show_provenance(run, atlas)
            else:
                others.show_instrument(instruments[part], atlas, unit, evidence)
                show_more(instruments[part].name, page.address.run, atlas, unit, clip, evidence)
    page.turn(*IN_ADDRESS.get(part, ()))
    page.address = replace(page.address, unit=unit.address, part=part)
    page.steps = steps(atlas, page.address)
    page.python = snippets.unit_code(
        run=str(run.path),
        address=unit.address,
        model=model,
        mapped=mapped,
    )
    page.command = commands.show(atlas, unit, [], Path("sheet.html"))
    page.say(unit.to_json())


def steps(atlas: Atlas, here: Address) -> dict[str, Address]:
    """Where to go from a unit's page."""
    unit = parse_unit(here.unit)
    n_units = atlas.sites[unit.hook].n_units
    units = {
        "‹ Previous": f"{unit.hook}:{(unit.index - 1) % n_units}",
        "Next ›": f"{unit.hook}:{(unit.index + 1) % n_units}",
        "Random": random_unit(atlas),
    }
    links = {
        name: Address(page=UNIT, run=here.run, unit=one, part=here.part)
        for name, one in units.items()
    }
    return {"All units": Address(page=UNITS, run=here.run), **links}


def random_unit(atlas: Atlas) -> str:
    """Any unit of the atlas, each as likely as the others."""
    sizes = {name: site.n_units for name, site in atlas.sites.items()}
    (hook,) = random.choices(list(sizes), weights=list(sizes.values()))
    return f"{hook}:{random.randrange(sizes[hook])}"


def show_inputs(atlas: Atlas, unit: Unit, clip: Clip | None) -> None:
    """What lies along the range, or at one of its ends."""
    part = choose_part("Part of the range", PARTS, "show")
    if atlas.tower == "vision":
        show_range(atlas, atlas.site(parse_unit(unit.address).hook), unit, clip, part)
    elif part == RANGE:
        show_text_range(unit)
    else:
        firings = unit.top if part == PARTS[1] else unit.bottom
        show_texts(firings, f"The {len(firings)} {part} of {unit.n_images:,}")


def show_place(atlas: Atlas, unit: Unit, clip: Clip | None, trouble: str) -> snippets.Mapped | None:
    """Where the unit fires on one image or text, if its model is at hand."""
    if clip is None:
        raise DataError(trouble)
    if atlas.tower == "text":
        show_where_in_text(unit, clip, atlas.inputs)
        return None
    return show_where(atlas, unit, clip)


def show_more(
    instrument: str, run: str, atlas: Atlas, unit: Unit, clip: Clip | None, evidence: Evidence
) -> None:
    """What can be had at once, without a run of the instrument."""
    if instrument == "similar":
        show_neighbours(atlas, run, unit.address, others.names_of(atlas, evidence))
    elif instrument == "effects" and clip is not None:
        show_effect(atlas, unit, clip)
    elif instrument == "captions" and clip is not None:
        show_writes(atlas, unit.address, clip)


def show_provenance(run: RunView, atlas: Atlas) -> None:
    """What the numbers come from, and the command that makes the atlas again."""
    st.caption(plain(f"The run {as_typed(run.path)}; {data_words(run)}; {model_words(run)}."))
    st.code(commands.scan(atlas), language="shell", wrap_lines=True)
    st.json(atlas.provenance, expanded=1)


def model_or_reason(atlas: Atlas) -> tuple[snippets.ModelSource, Clip | None, str]:
    """How the model of the atlas was named, and the model; or why it cannot be run here."""
    try:
        clip, model = atlas_state.model_of(atlas)
    except ClipprobeError as error:
        return snippets.ModelSource(spec=None), None, str(error)
    return model, clip, ""


show_page(UNIT, show)
