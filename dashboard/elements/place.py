"""A word over its image, to be dragged, moved by keys and resized; it tells where when let go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st
from PIL import Image

from dashboard.elements.parts import as_text, element

_place = element("place")


def place(
    image: Image.Image,
    text: str,
    box: tuple[float, float, float, float],
    *,
    size: float,
    sizes: tuple[float, float],
    alt: str,
    key: str,
    on_place: Callable[[float, float, float], None],
) -> None:
    """Show the image with a frame around the word.

    Args:
        image: With the word on it.
        box: Of the word: left, top, right and bottom as shares of width and height.
        size: Of the word, as the lab measures it; ``sizes``: the least and the most that it can be.
        on_place: Called with the new centre, as shares of width and height, and the new size,
            before the page runs again.
    """
    data = {
        "src": as_text(image),
        "text": text,
        "box": list(box),
        "size": size,
        "least": sizes[0],
        "most": sizes[1],
        "alt": alt,
    }

    def moved() -> None:
        where: Any = st.session_state[key].place
        if where is not None:
            on_place(float(where[0]), float(where[1]), float(where[2]))

    _place(key=key, data=data, on_place_change=moved)
