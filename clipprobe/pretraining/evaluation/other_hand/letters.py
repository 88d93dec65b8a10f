"""Writing of the second renderer: Pillow alone, in typefaces that training never uses.

The typefaces are the one that Pillow carries and the bundled ones of
:data:`clipprobe.stimuli.splits.UNSEEN_FONTS`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageStat

from clipprobe.pretraining.evaluation.other_hand.canvas import CANVAS, Rgb, colour, luminance
from clipprobe.stimuli.splits import UNSEEN_FONTS

PILLOWS_OWN = "pillow"
TYPEFACES = (PILLOWS_OWN, *UNSEEN_FONTS)
#: Least difference in luma, of 255, between letters and what lies behind them.
LEAST_CONTRAST = 90
_FOLDER = Path(__file__).resolve().parents[3] / "assets" / "fonts"

Box = tuple[int, int, int, int]


def typeface(rng: np.random.Generator) -> str:
    """One of :data:`TYPEFACES`."""
    return TYPEFACES[int(rng.integers(len(TYPEFACES)))]


def cased(text: str, rng: np.random.Generator) -> str:
    """``text`` in lower, upper or title case."""
    return (text, text.upper(), text.title())[int(rng.integers(3))]


def fitted(text: str, font: str, *, height: float, width: float) -> ImageFont.FreeTypeFont:
    """The largest face whose capitals and descenders fit ``height`` and whose text fits ``width``.

    Args:
        height, width: Pixels of the canvas.
    """
    size = height
    while size > 6:
        face = _face(font, round(size))
        left, _, right, _ = face.getbbox(text)
        if right - left <= width:
            return face
        size *= 0.94
    return _face(font, 6)


def write(
    canvas: Image.Image,
    text: str,
    face: ImageFont.FreeTypeFont,
    *,
    center: tuple[float, float],
    fill: Rgb,
    box: Rgb | None = None,
) -> None:
    """Write ``text`` centred at ``center`` (fractions), moved inside; with a box if given."""
    area = place(text, face, center=center)
    pen = ImageDraw.Draw(canvas)
    if box is not None:
        pen.rounded_rectangle(area, radius=6, fill=box)
    middle = ((area[0] + area[2]) / 2, (area[1] + area[3]) / 2)
    pen.text(middle, text, font=face, fill=fill, anchor="mm")


def place(text: str, face: ImageFont.FreeTypeFont, *, center: tuple[float, float]) -> Box:
    """The rectangle of ``text`` with a margin, moved inside the canvas."""
    left, top, right, bottom = face.getbbox(text)
    width, height = int(right - left) + 10, int(max(bottom - top, face.size * 0.9)) + 8
    x = min(max(round(center[0] * CANVAS - width / 2), 0), max(0, CANVAS - width))
    y = min(max(round(center[1] * CANVAS - height / 2), 0), max(0, CANVAS - height))
    return x, y, x + width, y + height


def readable(rng: np.random.Generator, behind: Rgb) -> Rgb:
    """A colour whose luma differs from ``behind`` by at least :data:`LEAST_CONTRAST`."""
    while True:
        ink = colour(rng)
        if abs(luminance(ink) - luminance(behind)) >= LEAST_CONTRAST:
            return ink


def mean_colour(canvas: Image.Image, area: Box) -> Rgb:
    """The mean colour of a part of the canvas."""
    red, green, blue = (round(v) for v in ImageStat.Stat(canvas.crop(area)).mean[:3])
    return red, green, blue


@lru_cache(maxsize=512)
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    if font == PILLOWS_OWN:
        face = ImageFont.load_default(size)
        if not isinstance(face, ImageFont.FreeTypeFont):
            raise RuntimeError("This Pillow was built without FreeType, so it cannot write.")
        return face
    return ImageFont.truetype(_FOLDER / f"{font}.ttf", size, layout_engine=ImageFont.Layout.BASIC)
