"""Which units respond to this image?"""

from __future__ import annotations

import streamlit as st
from PIL import Image

from clipprobe.models import Clip
from clipprobe.neurons import Atlas, ImageResponses, responding
from dashboard import atlas_state, snippets
from dashboard.address import IMAGE
from dashboard.atlas_state import BY_ATLAS
from dashboard.components import errors_shown, plain
from dashboard.elements import Panel, heat
from dashboard.header import Page, show_page
from dashboard.image_choice import choose_picture, source_picture
from dashboard.runs import atlases, choose_run, find_runs
from dashboard.settings import runs_folder

ALL = "all hook points"
UNIT_PAGE = "views/unit.py"
N_UNITS = 12


def show(page: Page) -> None:
    """The whole page."""
    st.title("Which units respond to this image?")
    runs = atlases(find_runs(runs_folder()))
    if not runs:
        return
    settings, results = st.columns([2, 5], gap="large")
    with settings:
        source = choose_picture()
        st.subheader("Compared with", anchor=False)
        run = choose_run(runs, label="Atlas", key="image_run")
        if run is None:
            return
        page.of_run(run, str(st.session_state["image_run"]))
        atlas = atlas_state.open_atlas(run)
        site = st.selectbox("Units of", [ALL, *atlas.sites], key="units_of", bind="query-params")
        page.turn("concept", "style", "units_of")
    with results, errors_shown():
        clip, model = atlas_state.model_of(atlas)
        image, made, name = source_picture(clip, source)
        sites = None if site == ALL else (site,)
        with st.spinner("Placing every unit…"):
            found = respond(clip, atlas, image, sites=sites, k=N_UNITS)
        page.chips["Image"] = made.title
        mapped = show_units(clip, page.address.run, atlas, found, image, name or "your image")
        page.python = snippets.responding_code(
            model=model, run=str(run.path), image=made, sites=sites
        )
        page.command = snippets.responding_command(model=model, image=made, units=mapped)
        page.say(found.to_json())


respond = st.cache_resource(show_spinner=False, max_entries=64, hash_funcs=BY_ATLAS)(responding)


def show_units(
    clip: Clip, run: str, atlas: Atlas, found: ImageResponses, image: Image.Image, name: str
) -> list[str]:
    """Each unit's map over the image, with its place in its range and a link to its page.

    Returns:
        The units that have a map.
    """
    st.markdown(
        f"**{found.n_above:,} of {found.n_units:,} units** respond to it more than to every one of "
        f"the {found.n_images:,} images of the atlas. For an image like those it would be "
        f"{found.expected_above:,.1f} on average."
    )
    panels, without, mapped = [], [], []
    for one in found.units:
        note = f"{place_words(one.percentile, one.above)}; {one.value:.3g}"
        if one.deviations == one.deviations:
            note += f", {one.deviations:+.1f}\N{NO-BREAK SPACE}σ".replace("-", "−")
        if atlas.sites[one.address.rpartition(":")[0]].layout == "vector":
            without.append(f"{one.address}: {note}")
            continue
        there = atlas_state.unit_on(clip, image, one.address)
        if there.class_token == there.pooled(found.pool):  # which is nowhere on the map
            note += " at the class token"
        mapped.append(one.address)
        panels.append(
            Panel(title=short(one.address), values=there.map, unit="activation", note=note)
        )
    if panels:
        heat(image, panels, alt=f"activation over {name}", key="responding", side_px=160)
    for line in without:
        st.caption(plain(line))
    st.caption("Open a unit:")
    with st.container(horizontal=True):
        for one in found.units:
            st.page_link(
                UNIT_PAGE,
                label=plain(short(one.address)),
                query_params={"run": run, "unit": one.address},
                width="content",
            )
    st.caption(
        f"The {len(found.units)} strongest by percentile, then by standard deviations (σ) above "
        f"the mean; pooled as in the atlas ({found.pool}). The percentile is the share of the "
        "atlas' images to which the unit responds less, to within a bin of its histogram. They "
        "were chosen for being the strongest of many: one image has no interval."
    )
    return mapped


def place_words(percentile: float, above: bool) -> str:
    """A unit's place in its range."""
    return "above the whole atlas" if above else f"above {percentile:.1%} of the atlas"


def short(address: str) -> str:
    """``vision.blocks.3.mlp.post:17`` as ``3.mlp.post:17``."""
    return address.removeprefix("vision.").removeprefix("blocks.")


show_page(IMAGE, show)
