"""The images of a unit's page: images at its ends and along its range, and where it fires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from clipprobe.errors import UnreadableImageError
from dashboard import snippets, state
from dashboard.components import (
    CaptionedImage,
    boxed,
    map_over_picture,
    number,
    pictures,
    plain,
)

if TYPE_CHECKING:
    from clipprobe.hooks.units import Site
    from clipprobe.models import Clip
    from clipprobe.neurons import Atlas
    from clipprobe.neurons.atlas.unit import Bin, Firing, Unit

COLUMNS = 8
STRONGEST, RANGE, WEAKEST = "strongest", "whole range", "weakest"
PARTS = (STRONGEST, RANGE, WEAKEST)


def show_images(atlas: Atlas, site: Site, unit: Unit, clip: Clip | None, part: str) -> None:
    """The images at one end of the range, or all along it."""
    framed = clip is not None and any(firing.place for firing in unit.top) and site.grid
    note = "As the model sees them; the frame is the patch that gave the value. " if framed else ""
    if part == RANGE:
        st.caption(
            note + "Images drawn evenly from each stretch of the range: what the strongest show "
            "need not hold further down."
        )
        filled = [one for one in unit.bins[::-1] if one.firings]
        for start in range(0, len(filled), 2):
            for place, one in zip(st.columns(2), filled[start : start + 2], strict=False):
                with place:
                    show_bin(atlas, site, one, clip)
        return
    firings = unit.top if part == STRONGEST else unit.bottom
    st.caption(
        note + f"The {len(firings)} {part} of {unit.n_images:,}. They were chosen for it, so they "
        "are not typical of the unit."
    )
    pictures([one_image(atlas, site, firing, clip) for firing in firings], columns=COLUMNS)


def show_bin(atlas: Atlas, site: Site, one: Bin, clip: Clip | None) -> None:
    """A stretch of the range, and the images that stand for it."""
    st.markdown(
        f"**{plain(f'{one.low:.3g} to {one.high:.3g}')}** · "
        f"{one.n_images:,} image{'s' if one.n_images != 1 else ''}"
    )
    panels = [one_image(atlas, site, firing, clip) for firing in one.firings]
    pictures(panels, columns=COLUMNS // 2)


def one_image(atlas: Atlas, site: Site, firing: Firing, clip: Clip | None) -> CaptionedImage:
    """A thumbnail with value, label and place; the patch framed where the model is there."""
    place = ""
    if firing.place is not None:
        place = f"row {firing.place[0] + 1}, column {firing.place[1] + 1}"
    elif site.class_token and firing.token == 0:
        place = "class token"
    name = firing.label or firing.id
    caption = f"{firing.value:.3g}: {name}"
    alt = f"Image {firing.id}, activation {firing.value:.3g}" + (f", {place}" if place else "")
    try:
        if clip is None:
            image = state.thumbnail(atlas, state.atlas_key(atlas), firing.image)
        else:
            image = seen_by(clip, atlas, firing.image)
            if firing.place is not None and site.grid is not None:
                image = boxed(image, firing.place, site.grid)
    except UnreadableImageError as error:
        return CaptionedImage(image=None, caption=caption, second=place, alt=alt, reason=str(error))
    return CaptionedImage(image=image, caption=caption, second=place, alt=alt)


def seen_by(clip: Clip, atlas: Atlas, number: int) -> Image.Image:
    """An image of the atlas as the model sees it."""
    return state.atlas_view(clip, state.identity(clip), atlas, state.atlas_key(atlas), number)


def show_map(atlas: Atlas, site: Site, unit: Unit, clip: Clip) -> snippets.Mapped:
    """Where the unit fires on one image: one of the atlas, or an uploaded one.

    Returns:
        The image that is shown.
    """
    left, right = st.columns([2, 3], gap="large")
    firings = {one.image: one for one in (*unit.top, *every_sample(unit), *unit.bottom)}
    with left:
        chosen = st.selectbox(
            "Image of the atlas",
            list(firings),
            format_func=lambda image: image_words(firings[image]),
            key=f"image of {unit.address}",  # another unit starts with its own strongest
        )
        upload = st.file_uploader(
            "or one of yours",
            type=["png", "jpg", "jpeg", "webp"],
            max_upload_size=20,
            key="own_picture",
            help="It stays on this machine and is not written to disk.",
        )
        if upload is not None:
            picture = state.upload_view(clip, upload.getvalue())
        else:
            picture = seen_by(clip, atlas, chosen)
    values, single = state.firing_map(clip, state.identity(clip), site, unit.address, picture)
    with left:
        name = upload.name if upload is not None else firings[chosen].id
        pictures(
            [
                CaptionedImage(
                    image=picture, caption=name, alt=f"The image {name}, as the model sees it"
                )
            ],
            columns=2,
        )
        if single is not None:
            what = "The value of this hook point" if values is None else "At the class token"
            number(what, f"{single:.4g}", "")
        if values is not None:
            number("Largest on the image", f"{values.max():.4g}", "")
    with right:
        if values is None:
            st.info("This hook point has no places on the image, so there is no map.")
        else:
            row, column = divmod(int(values.argmax()), values.shape[1])
            st.plotly_chart(
                map_over_picture(values, picture, unit="activation"),
                width="content",
                alt=f"Activation of {unit.address} over the {values.shape[0]} by {values.shape[1]} "
                f"grid of {name}; the largest, {values.max():.4g}, is in row {row + 1}, column "
                f"{column + 1}.",
                key="map",
            )
    return snippets.Mapped(image=chosen, upload=upload.name if upload is not None else None)


def every_sample(unit: Unit) -> Sequence[Firing]:
    """The images that stand for the bins, from the strongest down."""
    return [firing for one in unit.bins[::-1] for firing in one.firings[::-1]]


def image_words(firing: Firing) -> str:
    """An image in a list."""
    return f"{firing.value:.3g}: {firing.id}"
