"""Stamping labels on images: colours, opacity, place, and the exact mask of what was inked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from clipprobe.errors import ConfigError, TextFitError
from clipprobe.stimuli.text.fonts import DEFAULT_FONT
from clipprobe.stimuli.text.labels import Fit, label
from clipprobe.stimuli.text.render import Box, Label

#: A colour: a name or hex string that Pillow knows, or red, green, blue from 0 to 255.
Color = str | tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An image with text on it."""

    image: Image.Image
    """A new RGB image; the one that was given is untouched."""
    mask: npt.NDArray[np.bool_]
    """Pixels inked by letters or outline, ``(h, w)``; the background is not ink."""
    boxes: list[Box]
    """Tight ink box of each line: ``(x0, y0, x1, y1)`` in pixels, half-open."""
    size_px: float
    """Line height after fitting."""
    lines: tuple[str, ...]
    """The lines as drawn."""


def draw_text(
    image: Image.Image,
    text: str,
    *,
    font: str = DEFAULT_FONT,
    size: float,
    xy: tuple[int, int] | None = None,
    fill: Color = (255, 255, 255),
    opacity: float = 1.0,
    outline: tuple[Color, int] | None = None,
    background: Color | None = None,
    padding: int = 0,
    rotation: float = 0.0,
    fit: Fit = "shrink",
    within: Box | None = None,
) -> Drawn:
    """Write ``text`` on a copy of ``image``.

    Args:
        size: Line height in pixels, from the top of ``d`` to the foot of ``p``, the same visible
            size in every font; rounded down to 0.25 px.
        xy: Top left corner of the label (its ink and padding); ``None`` centres it in ``within``.
        fill: Colour of the letters.
        opacity: Of the whole label, above 0 and at most 1.
        outline: Colour and width in pixels of a line around the letters.
        background: Colour of a box behind the letters, ``padding`` pixels larger than the ink.
        rotation: Degrees, counter-clockwise.
        fit: What to do with text that is too large for its room: ``shrink``, ``wrap`` (break
            lines at spaces, then shrink) or ``error``.
        within: The part of the image that may be written on; all of it by default.
    Raises:
        TextFitError: the text does not fit at any legible size, or ``xy`` leaves no room.
        GlyphError: the font lacks a glyph of the text.
        ConfigError: unknown font or colour, empty text, a number out of range.
    Example:
        >>> from PIL import Image
        >>> drawn = draw_text(Image.new("RGB", (96, 96)), "dog", size=20)
        >>> drawn.boxes[0], int(drawn.mask.sum()) > 100
        ((27, 38, 68, 57), True)
    """
    area = within if within is not None else (0, 0, image.width, image.height)
    x0, y0 = xy if xy is not None else area[:2]
    rendered = label(
        text,
        font=font,
        size=size,
        room=(area[2] - x0, area[3] - y0),
        outline_px=outline[1] if outline is not None else 0,
        padding=padding,
        rotation=rotation,
        fit=fit,
    )
    if xy is None:
        x0 += (area[2] - area[0] - rendered.size[0]) // 2
        y0 += (area[3] - area[1] - rendered.size[1]) // 2
    canvas = image.copy() if image.mode == "RGB" else image.convert("RGB")
    mask = np.zeros((image.height, image.width), dtype=bool)
    stamp(
        canvas,
        mask,
        rendered,
        (x0, y0),
        fill=fill,
        opacity=opacity,
        outline=outline[0] if outline is not None else None,
        background=background,
    )
    return Drawn(
        image=canvas,
        mask=mask,
        boxes=[shifted(box, (x0, y0)) for box in rendered.line_boxes],
        size_px=rendered.size_px,
        lines=rendered.lines,
    )


def stamp(
    canvas: Image.Image,
    mask: npt.NDArray[np.bool_],
    label: Label,
    xy: tuple[int, int],
    *,
    fill: Color,
    opacity: float = 1.0,
    outline: Color | None = None,
    background: Color | None = None,
    letters: bool = True,
    shadow: float = 0.0,
    region: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Put a label on an RGB ``canvas`` and its ink into ``mask``, both in place.

    Args:
        shadow: Darkness of the shadow under the background, 0 to 1; the label must have one.
        region: If given, takes every pixel that may have changed: ink, background and shadow.
        letters: ``False`` leaves letters and outline away; then the mask takes the background.
    Raises:
        TextFitError: the label would reach beyond the image.
        ConfigError: unknown colour, or an opacity that is not in (0, 1].
    """
    box = shifted((0, 0, *label.size), xy)
    if box[0] < 0 or box[1] < 0 or box[2] > canvas.width or box[3] > canvas.height:
        raise TextFitError(
            f"A label at {box} reaches beyond the image of {canvas.width} x {canvas.height} px: "
            "give it a place inside."
        )
    if not 0.0 < opacity <= 1.0:
        raise ConfigError(f"opacity={opacity} is out of range: give a number in (0, 1].")
    under = canvas.crop(box)
    over = under.copy()
    thrown = label.shadow if background is not None and shadow > 0 else None
    if thrown is not None:
        over.paste((0, 0, 0), None, thrown.point([round(v * shadow) for v in range(256)]))
    if background is not None:
        over.paste(rgb(background), None, label.background)
    if letters and outline is not None and label.outline is not None:
        over.paste(rgb(outline), None, label.outline)
    if letters:
        over.paste(rgb(fill), None, label.fill)
    # Opacity is of the finished label: an outline must not shine through its own letters.
    canvas.paste(over if opacity == 1.0 else Image.blend(under, over, opacity), box)
    covered = label.ink if letters else np.asarray(label.background) > 0
    mask[box[1] : box[3], box[0] : box[2]] |= covered
    if region is not None:
        part = region[box[1] : box[3], box[0] : box[2]]
        part |= covered
        if background is not None:
            part |= np.asarray(label.background) > 0
        if thrown is not None:
            part |= np.asarray(thrown) > 0


def rgb(color: Color) -> tuple[int, int, int]:
    """A colour as red, green, blue from 0 to 255.

    Raises:
        ConfigError: the name is unknown or a number out of range.
    """
    if isinstance(color, str):
        return _parsed(color)
    if len(color) != 3 or not all(0 <= int(c) <= 255 for c in color):
        raise ConfigError(f"The colour {color!r} is not three numbers from 0 to 255.")
    return int(color[0]), int(color[1]), int(color[2])


@lru_cache(maxsize=1024)
def _parsed(color: str) -> tuple[int, int, int]:
    try:
        red, green, blue = ImageColor.getrgb(color)[:3]
    except ValueError:
        raise ConfigError(
            f"The colour {color!r} is unknown: give a name such as 'red' or a hex value such as "
            "'#ff8800'."
        ) from None
    return red, green, blue


def shifted(box: Box, by: tuple[int, int]) -> Box:
    """``box`` moved by ``(x, y)``."""
    return box[0] + by[0], box[1] + by[1], box[2] + by[0], box[3] + by[1]
