"""Thousands of points on a canvas; the ones that are found stand out, and a click opens one."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.figures.theme import PALETTE
from dashboard.address import Address
from dashboard.elements.parts import element

_points = element("points", "links")


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Units on a plane."""

    sites: Mapping[str, int]
    """Hook point -> number of its units; points are in that order."""
    places: NDArray[Any]
    """``(n, 2)``: across, up."""
    groups: NDArray[Any]
    """``(n,)``: which of the names each belongs to."""
    names: Sequence[str]
    """Names of the groups; colours repeat after the palette."""
    found: NDArray[np.bool_]
    """``(n,)``: the points that stand out and can be opened."""
    alt: str
    """What is to be seen, for those who cannot."""


def points(field: Points, opens: Address, *, key: str, height_px: int = 420) -> None:
    """Show the points.

    Args:
        opens: The page of a unit; the unit is filled in.
    """
    low, high = field.places.min(axis=0), field.places.max(axis=0)
    scaled = (field.places - low) / np.where(high > low, high - low, 1)
    _points(
        key=key,
        data={
            "sites": [[name, n] for name, n in field.sites.items()],
            "places": _text(np.rint(65535 * scaled).astype("<u2")),
            "groups": _text(field.groups.astype(np.uint8)),
            "names": list(field.names),
            "colours": list(PALETTE),
            "found": _text(np.packbits(field.found)),
            "n_found": int(field.found.sum()),
            "alt": field.alt,
            "link": f"{opens.link}&unit=",
            "height": height_px,
        },
    )


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
