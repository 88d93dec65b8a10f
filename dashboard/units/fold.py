"""The answer above the fold: a unit's strongest images, its name, a finding, its histogram."""

from __future__ import annotations

import math

import streamlit as st

from clipprobe.figures.atlas import activation_histogram
from clipprobe.hooks.units import Site
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.labels.naming import UnitName
from clipprobe.neurons.sheet.finding import finding
from clipprobe.report.numbers import format_number
from dashboard.components import estimate_words, plain
from dashboard.units.images import as_seen, show_firings
from dashboard.units.texts import show_texts

N_STRONGEST = 8
HISTOGRAM_PX = 250


def show_fold(
    atlas: Atlas, site: Site, unit: Unit, clip: Clip | None, name: UnitName | None, trouble: str
) -> None:
    """Images on the left, what to make of them on the right.

    Args:
        clip: The model of the atlas, where it can be run.
        name: What a run of labels calls the unit.
        trouble: Why the model cannot be run.
    """
    left, right = st.columns([11, 9], gap="medium")
    with right:
        show_name(name)
        st.markdown(plain(finding(unit, atlas.row(unit.address), atlas.inputs)))
        show_histogram(atlas, site, unit)
        st.caption(plain(numbers_line(unit)))
    with left:
        if atlas.tower == "text":
            show_texts(unit.top[:N_STRONGEST], f"The {N_STRONGEST} strongest")
            return
        heat = clip is not None and site.grid is not None and st.toggle(
            "Heat under the pointer", key="heat", persist_state="session",
            help="Runs the model on these images; orange where the unit is active.",
        )  # fmt: skip
        firings = unit.top[:N_STRONGEST]
        shown = unit.address if heat else ""
        show_firings(atlas, site, firings, clip, key="strongest of all", address=shown, columns=4)
        framed = site.grid is not None and any(
            one.place is not None and as_seen(atlas, one, clip) for one in firings
        )
        note = "The frame is the patch that gave the value." if framed else ""
        st.caption(
            f"The {len(firings)} strongest of {unit.n_images:,}, chosen for it, so not typical. "
            + " ".join(filter(None, (note, "" if clip is not None else plain(trouble))))
        )


def show_name(name: UnitName | None) -> None:
    """The label with its score, or that there is none."""
    if name is None:
        st.caption("No name: no run of labels on these weights has this unit.")
        return
    value, interval, _ = estimate_words(name.auroc)
    known = not math.isnan(name.auroc.value)
    score = f"held-out AUROC {value}, {interval}; " if known else ""
    source = f"{score}judge: {name.judge}; run: {name.run}"
    if name.label is not None:
        st.subheader(plain(f"“{name.label}”"), anchor=False)
        st.caption(plain(source))
    else:
        st.caption(
            plain(
                f"No label holds ({name.reason}). The best concept is {name.candidate} ({source})."
            )
        )
    if name.circular:
        st.warning("The judge that says what images show is the labelled model itself: circular.")


def show_histogram(atlas: Atlas, site: Site, unit: Unit) -> None:
    """All activations, with what the strongest of a unit reach by chance."""
    chance = unit.mean + unit.peak_floor * unit.std
    figure = activation_histogram(
        unit.histogram_edges,
        unit.histogram,
        pooled=site.pooled(unit.pool),
        mean=unit.mean,
        inputs=atlas.inputs,
        marks={
            "strongest": unit.mean + unit.peak * unit.std,
            "chance": chance,
        },
        height=HISTOGRAM_PX,
    )
    st.plotly_chart(
        figure,
        alt=f"{atlas.inputs.capitalize()} by activation of {unit.name}, from {unit.low:.4g} to "
        f"{unit.high:.4g}, mean {unit.mean:.4g}; of 95 % of {unit.peak_floor_of} the strongest lie "
        f"below {chance:.4g} on average; the count axis is logarithmic.",
        key="histogram",
        config={"displayModeBar": False},
    )


def numbers_line(unit: Unit) -> str:
    """The statistics in a line."""
    return (
        f"n = {unit.n_images:,} ({unit.n_outside} left out as not finite) · mean "
        f"{format_number(unit.mean)}, standard deviation {format_number(unit.std)} · median "
        f"{format_number(unit.quantiles[0.5])} · {format_number(unit.low)} to "
        f"{format_number(unit.high)} · above 0: {unit.share_positive:.1%}; above "
        f"{unit.threshold:g}: {unit.share_above:.1%}"
    )
