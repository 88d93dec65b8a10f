"""What does this unit respond to?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from clipprobe.errors import ClipprobeError
from clipprobe.figures.atlas import activation_histogram
from clipprobe.report.numbers import format_number
from clipprobe.runs import RunView
from dashboard import snippets, state
from dashboard.components import errors_shown, number, plain, python_expander
from dashboard.finder import pick_from_table
from dashboard.runs import choose_run, data_words, find_runs, model_words
from dashboard.settings import runs_folder
from dashboard.unit_evidence import show_evidence
from dashboard.unit_images import PARTS, show_images, show_map
from dashboard.unit_texts import show_texts

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.atlas.unit import Unit


def show() -> None:
    """The whole page."""
    st.title("What does this unit respond to?")
    found = find_runs(runs_folder())
    runs = [item for item in found if item.run and item.run.kind == "atlas"]
    if not runs:
        st.info(
            f"There is no atlas in {plain(runs_folder())}. `clipprobe demo` makes one, and "
            "`clipprobe neurons scan --images DIR --out DIR` makes one of your images."
        )
        return
    left, right = st.columns([2, 3])
    with left:
        run = choose_run(runs, label="Atlas", key="atlas_run")
    if run is None:
        return
    atlas = state.open_atlas(run)
    finder = st.expander("Find a unit in a table", icon=":material/search:")
    with finder, errors_shown():
        pick_from_table(atlas)
    with right:
        address = st.text_input(
            "Unit, as hook point:index",
            key="unit",
            bind="query-params",
            placeholder=f"{next(iter(atlas.sites))}:0",
        )
    if not address:
        st.info(
            "Type an address, or choose a row of the table. This page's address in the browser "
            "then names the unit, and can be shared."
        )
        return
    others = [item.run for item in found if item.run]
    show_unit(run, atlas, atlas.unit(address.strip()), others)


def show_unit(run: RunView, atlas: Atlas, unit: Unit, others: list[RunView]) -> None:
    """Statistics, images and map of one unit, and what other runs found about it."""
    site = atlas.site(unit.address.rpartition(":")[0])
    st.header(plain(unit.address), anchor=False)
    st.caption(
        f"{unit.kind}, {plain(site.pooled(unit.pool))} · {plain(model_words(run))} · "
        f"{plain(data_words(run))}"
    )
    if unit.reason:
        st.warning(plain(unit.reason))
    show_numbers(unit, atlas.inputs)
    if not unit.n_images:
        return
    figure = activation_histogram(
        unit.histogram_edges,
        unit.histogram,
        pooled=site.pooled(unit.pool),
        mean=unit.mean,
        inputs=atlas.inputs,
    )
    st.plotly_chart(
        figure,
        alt=f"{atlas.inputs.capitalize()} by activation of {unit.name}, from {unit.low:.4g} to "
        f"{unit.high:.4g}, mean {unit.mean:.4g}; the count axis is logarithmic.",
        key="histogram",
    )
    st.subheader(atlas.inputs.capitalize(), anchor=False)
    part = st.segmented_control(
        "Part of the range",
        PARTS,
        default=PARTS[0],
        key="show",
        required=True,
        label_visibility="collapsed",
        bind="query-params",
    )
    spec = mapped = None
    clip: Clip | None = None
    if atlas.tower == "text":
        show_texts(unit, part or PARTS[0])
    else:
        clip, spec, trouble = model_or_reason(atlas)
        show_images(atlas, site, unit, clip, part or PARTS[0])
        st.subheader("Where it fires", anchor=False)
        if clip is None:
            st.warning(plain(trouble), icon=":material/model_training:")
        else:
            with errors_shown():
                mapped = show_map(atlas, site, unit, clip)
    with errors_shown():
        show_evidence(atlas, unit, others)
    code = snippets.unit_code(
        run=str(run.path),
        address=unit.address,
        spec=spec,
        mapped=mapped,
        edits=state.edits_of(clip),
    )
    python_expander().code(code, language="python")


def show_numbers(unit: Unit, inputs: str) -> None:
    """The statistics of the unit over the inputs of the atlas, ``images`` or ``texts``."""
    above = f"Above {unit.threshold:g}"
    items = (
        (inputs.capitalize(), f"{unit.n_images:,}", f"{unit.n_outside} left out as not finite"),
        ("Mean", format_number(unit.mean), f"standard deviation {format_number(unit.std)}"),
        ("Median", format_number(unit.quantiles[0.5]), f"± {unit.bin_width:.2g}, from the bins"),
        ("Largest", format_number(unit.high), f"smallest {format_number(unit.low)}"),
        ("Above 0", share(unit.share_positive), f"of {inputs}; {above.lower()}: "
         f"{share(unit.share_above)}"),
        ("Peak", "undefined" if math.isnan(unit.peak) else f"{unit.peak:.1f} σ",
         f"95 % of {unit.peak_floor_of}: below {unit.peak_floor:.1f} σ"),
    )  # fmt: skip
    for place, (name, value, note) in zip(st.columns(len(items)), items, strict=True):
        with place:
            number(name, value, note)


def share(value: float) -> str:
    """A share in percent."""
    return "undefined" if math.isnan(value) else f"{value:.1%}"


def model_or_reason(atlas: Atlas) -> tuple[Clip | None, str | None, str]:
    """The model of the atlas and how it was named, or why it cannot be run here."""
    try:
        return *state.model_of(atlas), ""
    except ClipprobeError as error:
        return None, None, str(error)


show()
