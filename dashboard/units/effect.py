"""What a unit does to one score: taken out or driven, beside units of about its strength."""

from __future__ import annotations

import streamlit as st
from PIL import Image

from clipprobe.figures.effects import effect_beside_controls
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.effects import total_effects
from clipprobe.neurons.effects.total import UnitEffect
from dashboard import state
from dashboard.components import number, plain
from dashboard.texts import note_cut
from dashboard.units.where import MAX_TEXT, choose_image

N_CONTROLS = 20
OUT, MEAN, STEER = "take it out", "set it to its mean", "drive it"


def show_effect(atlas: Atlas, unit: Unit, clip: Clip) -> None:
    """The change of one image's logit with one text, and of the same change in other units."""
    st.subheader("Try it on one image and text", anchor=False)
    left, right = st.columns([2, 3], gap="large")
    with left:
        image, name, _ = choose_image(atlas, unit, clip)
        text = st.text_input(
            "Text", unit.top[0].label or "a dog", max_chars=MAX_TEXT, key="effect_text",
            persist_state="session",
        )  # fmt: skip
        method = choose_method()
    if not method:
        right.info("Driven by nothing, the unit stays as it is: move the slider.")
        return
    found = effect_of(clip, unit.address, image, text, method)
    with right:
        note_cut(clip, [text])
        number(
            "Change of the logit",
            f"{found.effect.value:+.4f}".replace("-", "−"),
            f"n = 1 image, no interval. The same in {len(found.controls)} units of about its "
            f"strength: {found.control:.4f} on average, without sign; share of all with at least "
            f"its magnitude: {found.p:.2f}",
        )
        sentence = f"The logit of {name} with {text} changes by {found.effect.value:.4g}"
        st.plotly_chart(
            effect_beside_controls(
                unit.address,
                found.effect.value,
                dict(zip(found.controls, found.control_effects, strict=True)),
                axis="change of the logit",
            ),
            alt=f"{sentence}; among {len(found.controls)} control units by {found.control:.4g} on "
            "average.",
            key="effect",
            config={"displayModeBar": False},
        )
        st.caption(
            plain(
                f"Strength is the root mean square over the tokens of this image ({found.scale:.3g}"
                f"; controls {found.control_scale:.3g}). One image is an anecdote; "
                "clipprobe neurons effect measures over many."
            )
        )


def choose_method() -> str:
    """How the unit is changed, as ``total_effects`` names it; empty where it is not."""
    how = st.segmented_control(
        "Change", (OUT, MEAN, STEER), default=OUT, key="effect_how", required=True, wrap=True,
        persist_state="session",
    )  # fmt: skip
    if how == MEAN:
        return "mean"
    if how != STEER:
        return "zero"
    amount = st.slider(
        "by so many of its standard deviations over the tokens of this image",
        -5.0, 5.0, 2.0, 0.5, key="effect_by", persist_state="session",
    )  # fmt: skip
    return f"steer:{amount:g}" if amount else ""


@st.cache_resource(show_spinner="Running the model…", max_entries=128, hash_funcs=state.BY_CONTENT)
def effect_of(clip: Clip, address: str, image: Image.Image, text: str, method: str) -> UnitEffect:
    """The effect of one change on one image and text, with controls of the same hook point.

    Raises:
        ConfigError: the text would sort a person into a group, or is empty.
    """
    (found,) = total_effects(
        clip, [image], [text], [address], methods=[method], n_controls=N_CONTROLS, n_boot=1
    )
    return found
