"""Where a unit fires: on an image of the atlas, an upload, a written word, or a text."""

from __future__ import annotations

import streamlit as st
from PIL import Image

from clipprobe.errors import DataError, UnsupportedHookError
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.unit import Unit
from clipprobe.neurons.words.grid import WordGrid, draw_word
from dashboard import atlas_state, snippets
from dashboard.components import number, plain
from dashboard.elements import Panel, coloured_words, heat
from dashboard.image_choice import choose_upload, uploaded
from dashboard.texts import note_cut

OF_ATLAS, UPLOAD, WRITTEN = "an image of the atlas", "an image of mine", "a word that I write"
MAX_TEXT = 300
MAP_PX = 460


def show_where(atlas: Atlas, unit: Unit, clip: Clip) -> snippets.Mapped:
    """The unit's activation over one image, and where it lies in the unit's range.

    Returns:
        The image that is shown.
    """
    left, right = st.columns([2, 3], gap="large")
    with left:
        image, name, mapped = choose_image(atlas, unit, clip)
    try:
        found = atlas_state.unit_on(clip, image, unit.address)
    except UnsupportedHookError:
        left.image(image, width=220, alt=f"The image {name}, as the model sees it")
        right.info("This hook point has no places on the image, so there is no map.")
        return mapped
    with right, st.container(width=MAP_PX):
        heat(
            image,
            [Panel(title=name, values=found.map, unit="activation")],
            alt=f"activation of {unit.address} on {name}",
            key="map",
            side_px=MAP_PX // 2,
        )
    with left:
        show_value(unit, found.pooled(unit.pool), atlas.inputs)
        if not found.reason:
            number("At the class token", f"{found.class_token:.4g}", "")
    return mapped


def choose_image(atlas: Atlas, unit: Unit, clip: Clip) -> tuple[Image.Image, str, snippets.Mapped]:
    """The image, its name, and how code gets at it."""
    source = st.segmented_control(
        "Show it",
        (OF_ATLAS, UPLOAD, WRITTEN),
        default=OF_ATLAS,
        key="where_source",
        required=True,
        wrap=True,
        persist_state="session",
    )
    samples = [firing for one in unit.bins[::-1] for firing in one.firings[::-1]]
    firings = {one.image: one for one in (*unit.top, *samples, *unit.bottom)}
    if source == WRITTEN:
        word = st.text_input("Write", "dog", max_chars=60, key="words", bind="query-params")
        grid = WordGrid(fonts=("DejaVuSans-Bold",), sizes=(0.25,), places=("center",))
        drawn = draw_word(word.strip(), grid, clip.image_size)
        if drawn.reason:
            raise DataError(f"{word!r} cannot be written on an image: {drawn.reason}.")
        return drawn.images[0], word, snippets.Mapped(image=0, upload=None, word=word.strip())
    if source == UPLOAD:
        upload = choose_upload("own_picture")
        if upload is None:
            raise DataError("No image was uploaded yet: choose a file.")
        view, made = uploaded(clip, upload)
        return view, made.file, snippets.Mapped(image=0, upload=made.file)
    chosen = st.selectbox(
        "Image of the atlas",
        list(firings),
        format_func=lambda image: f"{firings[image].value:.3g}: {firings[image].id}",
        key=f"image of {unit.address}",  # another unit starts with its own strongest
    )
    view = atlas_state.atlas_view(clip, atlas, chosen)
    return view, firings[chosen].id, snippets.Mapped(image=chosen, upload=None)


def show_value(unit: Unit, value: float, inputs: str) -> None:
    """The pooled activation, beside the unit's whole range."""
    share = unit.share_below(value)
    number(
        "Pooled as in the atlas",
        f"{value:.4g}",
        f"above {share:.1%} of the {unit.n_images:,} {inputs} of the atlas; n = 1, no interval",
    )


def show_where_in_text(unit: Unit, clip: Clip, inputs: str) -> None:
    """The unit's activation on every token of a text."""
    text = st.text_input(
        "Text", unit.top[0].id, max_chars=MAX_TEXT, key="words", bind="query-params"
    )
    note_cut(clip, [text])
    found = atlas_state.unit_on_text(clip, text, unit.address)
    coloured_words(found.tokens, found.values, unit="activation", key="tokens")
    if unit.pool in ("max", "mean"):
        value = float(found.values.max() if unit.pool == "max" else found.values.mean())
        show_value(unit, value, inputs)
    st.caption(plain("Every token with what the unit says there; tokens see those before them."))
