"""Images in a grid: one line each, a value bar, a frame around a patch; a click tells which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from dashboard.elements.parts import as_text, element

_gallery = element("gallery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One image of a grid, or why it cannot be shown."""

    id: str
    """What a click on it says."""
    image: Image.Image | None
    caption: str
    """One line; cut where there is no room, whole in the tooltip."""
    alt: str
    value: float | None = None
    """Length of the bar under the image, as a share from 0 to 1."""
    box: tuple[float, float, float, float] | None = None
    """A frame: left, top, width and height as shares of the image."""
    href: str = ""
    """A page of this app to open instead of telling Python."""
    reason: str = ""
    """Why there is no image."""


def gallery(tiles: Sequence[Tile], *, key: str, side_px: int = 150) -> str | None:
    """Show the tiles in as many columns as fit.

    Args:
        side_px: Least width of a tile.
    Returns:
        The ``id`` of the tile that was just chosen, else None.
    """
    data = {
        "side": side_px,
        "missing": sum(tile.image is None for tile in tiles),
        "tiles": [
            {
                "id": tile.id,
                "src": None if tile.image is None else as_text(tile.image),
                "caption": tile.caption,
                "alt": tile.alt,
                "value": tile.value,
                "box": tile.box,
                "href": tile.href,
                "reason": tile.reason,
            }
            for tile in tiles
        ],
    }
    result: Any = _gallery(key=key, data=data, on_chosen_change=lambda: None)
    chosen: str | None = result.chosen
    return chosen
