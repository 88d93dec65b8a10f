"""Rendering one label: the masks that get stamped on images, and where the ink is.

A label knows no colours: its masks are anti-aliased coverage (0-255) of letters, outline and
background. Everything is integer arithmetic inside Pillow, so the pixels do not depend on the
machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw

from clipprobe.errors import TextFitError
from clipprobe.stimuli.text.fonts import ascent_per_line, face, freetype

Box = tuple[int, int, int, int]
#: Distance between baselines, in line heights.
LINE_PITCH = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One rendered label; all masks have the label's size, ``(height, width)``."""

    fill: Image.Image
    """Coverage of the letters."""
    outline: Image.Image | None
    """Coverage of the outline together with the letters inside it."""
    background: Image.Image
    """Coverage of the whole label, padding included: a rectangle, turned by the rotation."""
    ink: npt.NDArray[np.bool_]
    """Where letters or outline leave any colour. Read-only."""
    ink_box: Box
    """Tight box of ``ink``: ``(x0, y0, x1, y1)``, half-open, in the label's own pixels."""
    line_boxes: tuple[Box, ...]
    """The same for each line."""
    lines: tuple[str, ...]
    size_px: float
    """Line height after fitting."""
    origin: tuple[int, int] = (0, 0)
    """The pen before the first letter, on the baseline of the first line, before any rotation."""
    shadow: Image.Image | None = None
    """Coverage of the shadow that the background throws, where one was asked for."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.fill.size

    def with_masks(
        self,
        fill: Image.Image,
        outline: Image.Image | None,
        background: Image.Image,
        shadow: Image.Image | None = None,
    ) -> Label:
        """The label with other masks, and the ink that these leave as one line."""
        ink, box = _ink(fill, outline)
        return replace(
            self,
            fill=fill,
            outline=outline,
            background=background,
            shadow=shadow,
            ink=ink,
            ink_box=box,
            line_boxes=(box,),
        )


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    x: int  # of the pen on the baseline, with the line centred on x = 0
    y: int  # of the baseline
    box: Box  # what the line may ink


def measure(lines: tuple[str, ...], font: str, size_px: float, outline_px: int) -> tuple[int, int]:
    """Width and height in pixels that the ink needs at most, before padding and rotation."""
    x0, y0, x1, y1 = _frame(_lay_out(lines, font, size_px, outline_px))
    return x1 - x0, y1 - y0


def render(
    lines: tuple[str, ...],
    font: str,
    size_px: float,
    outline_px: int,
    padding: int,
    rotation: float,
) -> Label:
    """Draw centred lines and read masks and boxes off the result.

    Raises:
        TextFitError: the text leaves no ink at this size.
    """
    laid = _lay_out(lines, font, size_px, outline_px)
    x0, y0, x1, y1 = _frame(laid)
    edge = 2  # anti-aliasing may reach past the measured box; what stays empty is cropped below
    size = (x1 - x0 + 2 * edge, y1 - y0 + 2 * edge)

    def ink_of(line: _Line, stroke_width: int) -> Image.Image:
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).text(
            (line.x - x0 + edge, line.y - y0 + edge),
            line.text,
            fill=255,
            font=face(font, size_px, line.text),
            anchor="ls",
            stroke_width=stroke_width,
        )
        return mask

    with freetype():
        letters = [ink_of(line, 0) for line in laid]
        strokes = [ink_of(line, outline_px) for line in laid] if outline_px else []
    frame = _union(strokes or letters).getbbox()
    if frame is None:
        raise TextFitError(f"The text {' '.join(lines)!r} leaves no ink at {size_px:g} px.")
    frame = (frame[0] - padding, frame[1] - padding, frame[2] + padding, frame[3] + padding)

    def placed(mask: Image.Image) -> Image.Image:
        return _turned(mask.crop(frame), rotation)

    fill = placed(_union(letters))
    outline = placed(_union(strokes)) if strokes else None
    ink, ink_box = _ink(fill, outline)
    boxes = [placed(mask).getbbox() for mask in (strokes or letters)]
    background = Image.new("L", (frame[2] - frame[0], frame[3] - frame[1]), 255)
    return Label(
        fill=fill,
        outline=outline,
        background=_turned(background, rotation),
        ink=ink,
        ink_box=ink_box,
        line_boxes=tuple(box for box in boxes if box is not None),
        lines=lines,
        size_px=size_px,
        origin=(laid[0].x - x0 + edge - frame[0], laid[0].y - y0 + edge - frame[1]),
    )


def _ink(fill: Image.Image, outline: Image.Image | None) -> tuple[npt.NDArray[np.bool_], Box]:
    # Not the outline alone: resampling lets the letters' coverage reach past a turned outline.
    inked = fill if outline is None else ImageChops.lighter(fill, outline)
    ink = np.asarray(inked) > 0
    ink.setflags(write=False)
    return ink, inked.getbbox() or (0, 0, *inked.size)


def _lay_out(lines: tuple[str, ...], font: str, size_px: float, outline_px: int) -> list[_Line]:
    pitch = max(1, round(LINE_PITCH * size_px))
    first = round(ascent_per_line(font) * size_px)
    laid = []
    with freetype():
        for i, text in enumerate(lines):
            box = face(font, size_px, text).getbbox(text, anchor="ls", stroke_width=outline_px)
            left, right = math.floor(box[0]), math.ceil(box[2])
            top, bottom = math.floor(box[1]), math.ceil(box[3])
            x, y = -left - (right - left) // 2, first + i * pitch
            laid.append(_Line(text, x, y, (x + left, y + top, x + right, y + bottom)))
    return laid


def _frame(laid: list[_Line]) -> Box:
    return (
        min(line.box[0] for line in laid),
        min(line.box[1] for line in laid),
        max(line.box[2] for line in laid),
        max(line.box[3] for line in laid),
    )


def _union(masks: list[Image.Image]) -> Image.Image:
    union = masks[0]
    for mask in masks[1:]:
        union = ImageChops.lighter(union, mask)
    return union


def _turned(mask: Image.Image, rotation: float) -> Image.Image:
    if rotation == 0.0:
        return mask
    return mask.rotate(rotation, resample=Image.Resampling.BICUBIC, expand=True)
