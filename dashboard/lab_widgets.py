"""The widgets of the typographic lab; those for image and word are in its address."""

from __future__ import annotations

from typing import Any

import streamlit as st
from PIL import Image

from attacks.typographic.attack.placement import PLACES
from clipprobe.errors import DataError
from clipprobe.models import Clip
from clipprobe.stimuli import STYLES, Picture, Scene, concepts, render
from clipprobe.stimuli.text import DEFAULT_FONT, fonts
from clipprobe.zeroshot import TEMPLATES
from dashboard import lab, snippets, state

OWN_PLACE = "where the sliders say"
NAMED_PLACES = [name for name in PLACES if not name.startswith("r") or name == "right"]
INK = {"none": None, "black": "black", "white": "white", "yellow": "#f0e442"}
UPLOAD_MB = 20
SUFFIXES = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif"]


def choose_picture() -> dict[str, Any]:
    """Widgets for the image."""
    st.subheader("Image", anchor=False)
    kind = st.segmented_control(
        "Source",
        ["Bundled", "Upload"],
        default="Bundled",
        key="source",
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    if kind == "Upload":
        upload = st.file_uploader(
            "An image of yours",
            type=SUFFIXES,
            max_upload_size=UPLOAD_MB,
            key="upload",
            help="It stays on this machine and is not written to disk.",
        )
        return {"upload": upload}
    left, right = st.columns(2)
    names = [item.name for item in concepts()]
    concept = left.selectbox(
        "Thing", names, index=names.index("apple"), key="concept", bind="query-params"
    )
    style = right.selectbox("Drawn as", STYLES, key="style", bind="query-params")
    return {"concept": concept, "style": style}


def source_picture(clip: Clip, source: dict[str, Any]) -> tuple[Image.Image, list[str], str]:
    """The image at the model's size, the Python that makes it, and its name if it has one.

    Raises:
        DataError: no file was uploaded yet.
        UnreadableImageError: the file is not an image.
    """
    if "concept" in source:
        scene = Scene(
            items=(Picture(concept=source["concept"], style=source["style"]),),
            size_px=max(16, clip.image_size),
        )
        lines = snippets.stimulus_lines(source["concept"], source["style"], scene.size_px)
        view = state.model_view(clip, state.identity(clip), render(scene).image)
        return view, lines, source["concept"]
    upload = source["upload"]
    if upload is None:
        raise DataError("No image was uploaded yet: choose a file on the left.")
    return state.upload_view(clip, upload.getvalue()), snippets.upload_lines(upload.name), ""


def choose_lettering() -> dict[str, Any]:
    """Widgets for the word; the fields of a :class:`TypographicAttack`."""
    st.subheader("Word", anchor=False)
    word = st.text_input("Write", "guitar", max_chars=lab.MAX_WORD, key="word", bind="query-params")
    size = st.slider(
        "Size, as a share of the image's side",
        0.05,
        0.6,
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
            persist_state="session",
        )
        color = st.color_picker("Letters", "#000000", key="color", persist_state="session")
        left, right = st.columns(2)
        outline = left.selectbox("Outline", list(INK), key="outline", persist_state="session")
        background = right.selectbox(
            "Label", list(INK), index=2, key="label", persist_state="session"
        )
        rotation = st.slider(
            "Turned by, degrees", -90, 90, 0, key="rotation", persist_state="session"
        )
        opacity = st.slider("Opacity", 0.1, 1.0, 1.0, 0.05, key="opacity", persist_state="session")
        seed = st.number_input(
            "Seed of the nonsense word", 0, 10_000, 0, key="seed", persist_state="session"
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


def choose_classes() -> tuple[str, str]:
    """Widgets for the class list and the prompts."""
    st.subheader("Answers", anchor=False)
    classes = st.text_area(
        "Classes to choose from, one a line",
        "\n".join(lab.STARTING_CLASSES),
        height=180,
        key="classes",
        persist_state="session",
    )
    with st.expander("Prompts"):
        templates = st.text_area(
            "Sentences, one a line, {} for the class",
            "\n".join(TEMPLATES),
            height=180,
            key="templates",
            persist_state="session",
            help="The vectors of the sentences are averaged.",
        )
    return classes, "\n".join(line for line in templates.splitlines() if line.strip())
