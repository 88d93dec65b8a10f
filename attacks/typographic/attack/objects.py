"""Places on the object or beside it, where the caller knows which pixels it covers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from attacks.typographic.attack.placement import margin
from clipprobe.errors import ConfigError, TextFitError
from clipprobe.statistics.seeds import rng
from clipprobe.stimuli.text import Box

#: On the object: covered at least this part as much as the best place of all.
NEAR_BEST = 0.9


def checked_mask(mask: npt.ArrayLike | None, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The object's pixels, ``(h, w)`` bool.

    Raises:
        ConfigError: there is none, it has another shape, or no object in it.
    """
    if mask is None:
        raise ConfigError(
            "A position on or off the object needs to know the object: give object_mask, an array "
            "(height, width) that is True on it (--object-mask FILE), or choose another position."
        )
    array = np.asarray(mask)
    if array.shape != size[::-1]:
        raise ConfigError(
            f"The object mask has the shape {array.shape} and the image {size[::-1]} "
            "(height, width): give a mask of the image's own size."
        )
    array = array > 0
    if not array.any():
        raise ConfigError("The object mask is empty: give one that is True on the object.")
    return array


def object_boxes(
    size: tuple[int, int],
    mask: npt.NDArray[np.bool_],
    copies: int,
    key: Sequence[object],
    *,
    on: bool,
) -> list[Box]:
    """Boxes at random places on the object or wholly beside it, none over another.

    On the object means that the box's centre lies on it and that the object fills nearly as much
    of the box as it can anywhere; off means that not one pixel of the box lies on it.

    Raises:
        TextFitError: there is no such place for a copy.
    """
    source = rng(*key)
    height, width = mask.shape
    edge = margin((width, height))
    occupied_mask = np.zeros_like(mask)
    boxes: list[Box] = []
    for n in range(copies):
        covered = _sums(mask, size)  # (h', w') for each corner
        inside = np.zeros_like(covered, dtype=bool)
        inside[edge : height - edge - size[1] + 1, edge : width - edge - size[0] + 1] = True
        allowed = inside & (_sums(occupied_mask, size) == 0)
        if on:
            centre = mask[
                size[1] // 2 : size[1] // 2 + covered.shape[0],
                size[0] // 2 : size[0] // 2 + covered.shape[1],
            ]
            allowed &= centre
            if allowed.any():
                allowed &= covered >= NEAR_BEST * covered[allowed].max()
        else:
            allowed &= covered == 0
        places = np.flatnonzero(allowed)
        if not places.size:
            raise TextFitError(
                f"Only {n} of {copies} copies of {size[0]} x {size[1]} px found room "
                f"{'on' if on else 'beside'} the object: use a smaller size or another position."
            )
        y, x = divmod(int(places[int(source.integers(places.size))]), covered.shape[1])
        boxes.append((x, y, x + size[0], y + size[1]))
        occupied_mask[y : y + size[1], x : x + size[0]] = True
    return boxes


def _sums(mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Pixels of ``mask`` in each box of ``size``, by its top left corner."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    total[1:, 1:] = mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    w, h = size
    return total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
