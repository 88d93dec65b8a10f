"""The widgets of the typographic lab; those for the word are in its address."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st

from attacks.typographic import TypographicAttack
from attacks.typographic.attack.placement import PLACES
from clipprobe.errors import ClipprobeError
from clipprobe.stimuli import concepts
from clipprobe.stimuli.text import DEFAULT_FONT, fonts, rgb
from clipprobe.zeroshot import TEMPLATES
from dashboard.lab import trial as lab
from dashboard.texts import MAX_CLASSES, STARTING_CLASSES

OWN_PLACE = "where the sliders say"
NAMED_PLACES = [name for name in PLACES if not name.startswith("r") or name == "right"]
INK = {"none": None, "black": "black", "white": "white", "yellow": "#f0e442"}
SIZES = (0.05, 0.6)
KNOBS = (
    "concept", "style", "word", "size", "place", "across", "down", "font", "color", "outline",
    "label", "rotation", "opacity", "seed", "classes", "templates",
)  # fmt: skip
"""The widgets of the lab that are in its address."""


def choose_lettering() -> dict[str, Any]:
    """Widgets for the word; the fields of a :class:`TypographicAttack`."""
    st.subheader("Word", anchor=False)
    word = st.text_input("Write", "guitar", max_chars=lab.MAX_WORD, key="word", bind="query-params")
    size = st.slider(
        "Size, as a share of the image's side",
        *SIZES,
        0.3,
        0.01,
        key="size",
        bind="query-params",
    )
    place = st.selectbox(
        "Place",
        [*NAMED_PLACES, OWN_PLACE],
        index=NAMED_PLACES.index("center"),
        key="place",
        bind="query-params",
    )
    position: Any = place
    sliders = st.container()  # there without sliders too, so that what follows keeps its place
    if place == OWN_PLACE:
        left, right = sliders.columns(2)
        x = left.slider("Across", 0.0, 1.0, 0.5, 0.01, key="across", bind="query-params")
        y = right.slider("Down", 0.0, 1.0, 0.5, 0.01, key="down", bind="query-params")
        position = (x, y)
    with st.expander("Lettering"):
        font_names = fonts()
        font = st.selectbox(
            "Font",
            font_names,
            index=font_names.index(DEFAULT_FONT),
            key="font",
            bind="query-params",
        )
        color = st.color_picker("Letters", "#000000", key="color", bind="query-params")
        outline = st.selectbox("Outline", list(INK), key="outline", bind="query-params")
        background = st.selectbox(
            "Behind the letters", list(INK), index=2, key="label", bind="query-params"
        )
        rotation = st.slider("Turned by, degrees", -90, 90, 0, key="rotation", bind="query-params")
        opacity = st.slider("Opacity", 0.1, 1.0, 1.0, 0.05, key="opacity", bind="query-params")
        seed = st.number_input(
            "Seed of the nonsense word", 0, 10_000, 0, key="seed", bind="query-params"
        )
    return {
        "word": (word or "").strip(),
        "size": size,
        "position": position,
        "font": font,
        "color": color,
        "outline": INK[outline],
        "background": INK[background],
        "rotation": float(rotation),
        "opacity": opacity,
        "seed": int(seed),
    }


def place_at(x: float, y: float, size: float) -> None:
    """Put the word somewhere: what the sliders say is what was done on the image."""
    st.session_state["place"] = OWN_PLACE
    st.session_state["across"], st.session_state["down"] = x, y
    st.session_state["size"] = min(max(size, SIZES[0]), SIZES[1])


def write(attack: TypographicAttack) -> None:
    """Set the widgets to an attack, as far as they can say it."""
    (x, y), *_ = attack.to_json()["position"]
    place_at(x, y, attack.size)
    st.session_state["word"] = attack.word
    st.session_state["color"] = "#{:02x}{:02x}{:02x}".format(*rgb(attack.color))
    names = {value and rgb(value): name for name, value in INK.items()}
    for widget, ink in (("outline", attack.outline), ("label", attack.background)):
        st.session_state[widget] = names.get(ink and rgb(ink), "none")
    st.session_state["opacity"] = attack.opacity
    st.session_state["font"] = attack.font


def of_run(config: Mapping[str, Any]) -> dict[str, str]:
    """The lab's address for what a typographic run wrote and asked, as far as the lab can say it.

    Args:
        config: The configuration of the run.
    """
    given = config.get("attack")
    attack: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    address: dict[str, str] = {}
    for name in ("size", "opacity", "rotation", "font"):
        value = attack.get(name)
        if isinstance(value, str | int | float):
            address[name] = value if isinstance(value, str) else f"{value:g}"
    if attack.get("position") in NAMED_PLACES:
        address["place"] = attack["position"]
    with suppress(ClipprobeError):
        address["color"] = "#{:02x}{:02x}{:02x}".format(*rgb(attack.get("color", "black")))
        names = {value and rgb(value): name for name, value in INK.items()}
        for widget, knob in (("outline", "outline"), ("label", "background")):
            ink = attack.get(knob)
            address[widget] = names.get(ink and rgb(ink), "none")
    classes = [one for one in config.get("classes") or () if isinstance(one, str)]
    if classes:
        address["classes"] = "\n".join(classes[:MAX_CLASSES])
        things = [one for one in classes if one in {item.name for item in concepts()}]
        if things:
            address["concept"] = things[0]
        listed = (config.get("words") or {}).get("listed") or ()
        others = [one for one in (*listed, *classes) if isinstance(one, str)]
        others = [one for one in others if one not in things[:1]]
        if others:
            address["word"] = others[0][: lab.MAX_WORD]
    return address


def choose_classes() -> tuple[str, str]:
    """Widgets for the class list and the prompts."""
    st.subheader("Answers", anchor=False)
    classes = st.text_area(
        "Classes to choose from, one per line",
        "\n".join(STARTING_CLASSES),
        height=180,
        key="classes",
        bind="query-params",
    )
    with st.expander("Prompts"):
        templates = st.text_area(
            "Sentences, one per line, {} for the class",
            "\n".join(TEMPLATES),
            height=180,
            key="templates",
            bind="query-params",
            help="The vectors of the sentences are averaged.",
        )
    return classes, "\n".join(line for line in templates.splitlines() if line.strip())
