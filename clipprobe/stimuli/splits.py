"""What the bundled model was trained on, and what it never saw.

Evaluations draw from the unseen side, so that what they measure is not what was memorised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from clipprobe.stimuli.backgrounds import Kind

T = TypeVar("T")

TRAINED_STYLES = ("noto", "twemoji")
UNSEEN_STYLES = ("fluent",)

SMOOTH_GROUNDS: tuple[Kind, ...] = ("plain", "gradient", "blobs")
TRAINED_GROUNDS: tuple[Kind, ...] = (*SMOOTH_GROUNDS, "grain", "shards", "dots", "waves")
UNSEEN_GROUNDS: tuple[Kind, ...] = ("stripes", "checks")

#: Sides of one picture, as fractions of the image's side: bands that are trained on, and the gap
#: between them and the reach beyond them that are not.
TRAINED_SIZES = ((0.45, 0.60), (0.70, 0.95))
UNSEEN_SIZES = ((0.60, 0.70),)
FAR_SIZES = ((0.35, 0.42),)
#: Rotations of one picture to either side, in degrees, likewise.
TRAINED_ROTATIONS = ((0.0, 10.0), (18.0, 30.0))
UNSEEN_ROTATIONS = ((10.0, 18.0),)
FAR_ROTATIONS = ((30.0, 45.0),)

Bands = tuple[tuple[float, float], ...]


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of them."""
    return options[int(rng.integers(len(options)))]


def draw_from(bands: Bands, rng: np.random.Generator) -> float:
    """One number, uniform over the bands together."""
    widths = [high - low for low, high in bands]
    at = float(rng.uniform(0, sum(widths)))
    for (low, _), width in zip(bands, widths, strict=True):
        if at <= width:
            return low + at
        at -= width
    return bands[-1][1]


def draw_rotation(bands: Bands, rng: np.random.Generator) -> float:
    """One rotation in degrees, to either side."""
    return draw_from(bands, rng) * (1 if rng.integers(2) else -1)


TRAINED_FONTS = (
    "DejaVuSansMono",
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "Anton-Regular",
    "Caveat-Bold",
    "CourierPrime-Bold",
    "Nunito-Bold",
    "OpenSans-Regular",
    "Oswald-Regular",
    "Pacifico-Regular",
    "PatrickHand-Regular",
    "PermanentMarker-Regular",
    "PixelifySans-Bold",
    "Roboto-Bold",
    "RobotoSlab-Bold",
)
UNSEEN_FONTS = ("Arimo-Bold", "ComicNeue-Bold", "DejaVuSerif-Bold", "SpecialElite-Regular")
