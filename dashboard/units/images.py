"""The images of units: as small text for the page, at the ends of a range and along it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from clipprobe.errors import UnreadableImageError
from clipprobe.hooks.units import Site
from clipprobe.models import Clip
from clipprobe.neurons import Atlas
from clipprobe.neurons.atlas.showing import caption, range_words, token_words
from clipprobe.neurons.atlas.thumbnails import SIDE
from clipprobe.neurons.atlas.unit import Firing, Unit
from dashboard import atlas_state
from dashboard.atlas_state import BY_ATLAS
from dashboard.components import plain
from dashboard.elements import Tile, gallery
from dashboard.elements.parts import as_text, webp_text

SIDE_PX = 150
STRONGEST, RANGE, WEAKEST = "strongest", "whole range", "weakest"
PARTS = (RANGE, STRONGEST, WEAKEST)


@st.cache_data(show_spinner=False, max_entries=8192, hash_funcs=BY_ATLAS)
def thumbnail(atlas: Atlas, number: int) -> str:
    """A small copy of an image of an atlas that keeps none, as text.

    Raises:
        UnreadableImageError: the image is no longer where the scan found it.
    """
    image = atlas.picture(number)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return as_text(image)


@st.cache_data(show_spinner=False, max_entries=8192, hash_funcs=BY_ATLAS)
def seen(clip: Clip, atlas: Atlas, number: int) -> str:
    """An image of an atlas as the model sees it, as text.

    Raises:
        UnreadableImageError: the image is no longer where the scan found it.
    """
    return as_text(atlas_state.atlas_view(clip, atlas, number))


def sources(atlas: Atlas, numbers: Iterable[int], clip: Clip | None = None) -> dict[str, str]:
    """Images of an atlas by number; those that are no longer there are left out.

    Args:
        clip: The model that saw them, for an atlas that keeps no thumbnails; None for the images as
            they are.
    """
    texts = {}
    for number in dict.fromkeys(numbers):
        kept = atlas.thumbnails.get(number)
        if kept is not None:
            texts[str(number)] = webp_text(kept)
            continue
        try:
            texts[str(number)] = (
                thumbnail(atlas, number) if clip is None else seen(clip, atlas, number)
            )
        except UnreadableImageError:
            continue
    return texts


def show_firings(
    atlas: Atlas,
    site: Site,
    firings: Sequence[Firing],
    clip: Clip | None,
    *,
    key: str,
    address: str = "",
    columns: int = 8,
) -> None:
    """Images with value and label; the patch that gave the value framed where the model is there.

    Args:
        address: A unit whose activation on each image is shown under the pointer; none where empty.
        columns: At most this many images beside each other.
    """
    texts = sources(atlas, (one.image for one in firings), clip)
    tiles = [_tile(atlas, site, one, clip, address) for one in firings]
    gallery(tiles, texts, key=key, side_px=SIDE_PX, columns=columns)


def _tile(atlas: Atlas, site: Site, firing: Firing, clip: Clip | None, address: str) -> Tile:
    placed = as_seen(atlas, firing, clip) and firing.place is not None
    where = token_words(firing) if firing.token is not None else ""
    return Tile(
        images=(str(firing.image),),
        title=caption(firing),
        hint=", ".join(filter(None, (f"{firing.value:.6g}", firing.label, firing.id, where))),
        alt=f"Image {firing.id}, activation {firing.value:.3g}" + (f", {where}" if where else ""),
        box=_box(firing.place, site.grid) if placed else None,
        heat=_heat(atlas, firing, clip, address) if address and clip is not None else None,
    )


def as_seen(atlas: Atlas, firing: Firing, clip: Clip | None) -> bool:
    """Whether what is shown of an image is what the model saw, so that a place means something."""
    return clip is not None or firing.image in atlas.thumbnails


def _box(
    place: tuple[int, int] | None, grid: tuple[int, int] | None
) -> tuple[float, float, float, float] | None:
    """One cell of a grid as shares of the image: left, top, width, height."""
    if place is None or grid is None:
        return None
    return place[1] / grid[1], place[0] / grid[0], 1 / grid[1], 1 / grid[0]


def _heat(atlas: Atlas, firing: Firing, clip: Clip, address: str) -> NDArray[np.float32] | None:
    try:
        image = atlas_state.atlas_view(clip, atlas, firing.image)
    except UnreadableImageError:
        return None
    return atlas_state.unit_on(clip, image, address).map


def show_range(atlas: Atlas, site: Site, unit: Unit, clip: Clip | None, part: str) -> None:
    """The images at one end of the range, or all along it."""
    framed = site.grid and any(one.place and as_seen(atlas, one, clip) for one in unit.top)
    note = "As the model sees them; the frame is the patch that gave the value. " if framed else ""
    if part == RANGE:
        st.caption(
            note + "Images drawn evenly from each stretch of the range: what the strongest show "
            "need not hold further down."
        )
        filled = [one for one in unit.bins[::-1] if one.firings]
        with st.container(key="beside-stretches"):
            for number, one in enumerate(filled):
                with st.container(key=f"stretch-{number}"):
                    st.markdown(
                        f"**{plain(range_words(one))}** · "
                        f"{one.n_images:,} image{'s' if one.n_images != 1 else ''}"
                    )
                    show_firings(atlas, site, one.firings[::-1], clip, key=f"stretch {number}")
        return
    firings = unit.top if part == STRONGEST else unit.bottom
    st.caption(
        note + f"The {len(firings)} {part} of {unit.n_images:,}. They were chosen for it, so they "
        "are not typical of the unit."
    )
    show_firings(atlas, site, firings, clip, key=part)
