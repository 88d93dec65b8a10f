"""Thousands of points on a canvas; the ones that are found stand out, and a click opens one."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.figures.theme import PALETTE
from dashboard.address import Address
from dashboard.elements.parts import element

_points = element("points", "links")
HEIGHT_PX = 420


def points(
    sites: Mapping[str, int],
    places: NDArray[Any],
    groups: NDArray[Any],
    names: Sequence[str],
    found: NDArray[np.bool_],
    opens: Address,
    *,
    alt: str,
    key: str,
) -> None:
    """Show units on a plane.

    Args:
        sites: Hook point -> number of its units; points are in that order.
        places: ``(n, 2)``: across, up.
        groups: ``(n,)``: which of the names each belongs to.
        names: Of the groups; colours repeat after the palette.
        found: ``(n,)``: the points that stand out and can be opened.
        opens: The page of a unit; the unit is filled in.
        alt: What is to be seen, for those who cannot.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = (places - low) / np.where(high > low, high - low, 1)
    _points(
        key=key,
        data={
            "sites": [[name, n] for name, n in sites.items()],
            "places": _text(np.rint(65535 * scaled).astype("<u2")),
            "groups": _text(groups.astype(np.uint8)),
            "names": list(names),
            "colours": list(PALETTE),
            "found": _text(np.packbits(found)),
            "n_found": int(found.sum()),
            "alt": alt,
            "link": f"{opens.link}&unit=",
            "height": HEIGHT_PX,
        },
    )


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
