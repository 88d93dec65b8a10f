"""Maps over one image, side by side, with one cursor for all; a click tells where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.elements.parts import as_text, element

_heat = element("heat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One map over the image."""

    title: str
    values: NDArray[Any]
    """``(h, w)``; another grid for each panel is fine."""
    unit: str
    """What the numbers are."""
    note: str = ""
    """A line under the map."""


def heat(
    image: Image.Image,
    panels: Sequence[Panel],
    *,
    alt: str,
    key: str,
    side_px: int = 220,
    mark: tuple[float, float] | None = None,
) -> tuple[float, float] | None:
    """Show the maps, each on its own scale; above zero is orange, below zero blue, zero is clear.

    Args:
        image: As the model sees it.
        side_px: Least width of a panel.
        mark: A place to frame, as shares of width and height.
    Returns:
        Where was just clicked, as shares of width and height; else None.
    """
    data = {
        "src": as_text(image),
        "ratio": image.width / image.height,
        "alt": alt,
        "side": side_px,
        "mark": mark,
        "panels": [
            {
                "title": panel.title,
                "unit": panel.unit,
                "note": panel.note,
                "h": panel.values.shape[0],
                "w": panel.values.shape[1],
                "values": [float(f"{value:.5g}") for value in np.asarray(panel.values).ravel()],
            }
            for panel in panels
        ],
    }
    result: Any = _heat(key=key, data=data, on_place_change=lambda: None)
    place = result.place
    return None if place is None else (float(place[0]), float(place[1]))
