"""What a harness needs to know about an image: what is shown, where, and which text names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipprobe.arrays import Floats
from clipprobe.errors import DataError

if TYPE_CHECKING:
    from clipprobe.models import Clip

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One image with one text that names one of the things in it."""

    image: Any
    """In any form that models take."""
    text: str
    """Names the thing ``own``."""
    masks: Bools
    """``(k, h, w)`` pixels of the k things shown, on the image as it is."""
    zones: Bools
    """``(k, h, w)``; whichever of them a map is strongest in is the thing it points at. Quadrants,
    or the masks themselves."""
    own: int
    """Which of the things the text names."""
    names: tuple[str, ...]
    """Names of the things, for texts that contrast them."""
    scene: str
    """Cases of one scene are resampled together."""

    @property
    def n_objects(self) -> int:
        """How many things are shown."""
        return len(self.masks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseOnGrid:
    """The regions of a case as the model sees them."""

    pixels: Bools
    """``(k, H, W)`` masks on the model's input."""
    patches: Floats
    """``(k, rows, columns)`` share of each patch that lies in each mask."""
    zones: Floats
    """``(k, rows, columns)`` share of each patch that lies in each zone."""


def on_grid(clip: Clip, case: Case, grid: tuple[int, int], size: tuple[int, int]) -> CaseOnGrid:
    """Bring masks and zones to the model's input and patches.

    Args:
        grid: Rows and columns of the patches.
        size: Height and width of the model's input.
    """
    masks = np.stack([on_input(clip, mask, size) for mask in case.masks])
    zones = masks
    if case.zones is not case.masks:
        zones = np.stack([on_input(clip, zone, size) for zone in case.zones])
    return CaseOnGrid(pixels=masks, patches=shares(masks, grid), zones=shares(zones, grid))


def on_input(clip: Clip, mask: Bools, size: tuple[int, int]) -> Bools:
    """A mask ``(h, w)`` of an image, resized and cropped as the image is."""
    (height, width), crop = clip.preprocess.geometry(*mask.shape)
    if crop != size:
        raise DataError(f"A mask of {mask.shape} does not end up in {size} as its image does.")
    large = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    return np.asarray(large)[top : top + crop[0], left : left + crop[1]].astype(bool)


def shares(masks: Bools, grid: tuple[int, int]) -> Floats:
    """Share of every cell of the grid that lies in each mask, ``(k, rows, columns)``."""
    from clipprobe.attribution.explaining import patch_sums

    area = patch_sums(np.ones(masks.shape[1:]), *grid)
    return np.stack([patch_sums(mask.astype(np.float64), *grid) / area for mask in masks])


def check_cases(cases: Sequence[Case]) -> None:
    """Refuse an empty list, and cases whose masks do not fit together.

    Raises:
        DataError: says which.
    """
    if not cases:
        raise DataError("There is nothing to measure on: give at least one image with a mask.")
    for case in cases:
        if not 0 <= case.own < len(case.masks) or case.masks.shape != case.zones.shape:
            raise DataError(
                f"A case of {case.scene} names thing {case.own} of {len(case.masks)}: masks and "
                "zones must have a row for each thing."
            )
