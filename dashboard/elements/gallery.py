"""Images in a grid: a line or two each, a bar, a frame or heat; each may lead to another page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.elements.parts import element

_gallery = element("gallery", "links")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One thing of a grid."""

    images: tuple[str, ...]
    """Names of its images, side by side."""
    title: str
    """One line; cut where there is no room."""
    alt: str
    """What the images show, for those who cannot see them."""
    note: str = ""
    """A second line."""
    hint: str = ""
    """The tooltip; where it is empty, both lines whole."""
    value: float | None = None
    """Length of the bar under the images, as a share from 0 to 1."""
    chance: float | None = None
    """Where the bar could end by chance."""
    box: tuple[float, float, float, float] | None = None
    """A frame: left, top, width and height as shares of the image."""
    heat: NDArray[Any] | None = None
    """``(h, w)``, shown over the image under the pointer; above zero orange, below blue."""
    href: str = ""
    """The page that a click opens."""


def gallery(
    tiles: Sequence[Tile], sources: Mapping[str, str], *, key: str, side_px: int, columns: int = 8
) -> None:
    """Show the tiles in as many columns as fit.

    Args:
        sources: Name of an image -> the image as text. One that is absent cannot be shown, and a
            line above the tiles says how many are.
        side_px: Least width of a tile.
        columns: At most this many, however wide the page is.
    """
    wanted = {name for tile in tiles for name in tile.images}
    n_missing = len(wanted - set(sources))
    missing = (
        f"{n_missing:,} of {len(wanted):,} images are no longer where the scan found them: put "
        "them back to see them."
    )
    _gallery(
        key=key,
        data={
            "side": side_px,
            "columns": columns,
            "missing": missing if n_missing else "",
            "sources": {name: sources[name] for name in sorted(wanted & set(sources))},
            "tiles": [_data(tile) for tile in tiles],
        },
    )


def _data(tile: Tile) -> dict[str, Any]:
    return asdict(tile) | {
        "hint": tile.hint or "\n".join(filter(None, (tile.title, tile.note))),
        "value": _share(tile.value),
        "chance": _share(tile.chance),
        "heat": None if tile.heat is None else _opacity(tile.heat),
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(max(0.0, min(1.0, value)), 4)


def _opacity(heat: NDArray[Any]) -> dict[str, Any]:
    """A map as signed opacities from -230 to 230, the strongest place the strongest."""
    reach = max(float(np.abs(heat).max()), 1e-12)
    values = np.rint(230 * heat / reach).astype(int)
    return {"h": heat.shape[0], "w": heat.shape[1], "values": values.ravel().tolist()}
