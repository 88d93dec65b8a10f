"""One unit on one small image: its strongest images of each modality, and its score."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from clipprobe.figures.theme import BLUE, GREEN, PALETTE
from clipprobe.statistics import Estimate
from clipprobe.stimuli.text import draw_text
from clipprobe.stimuli.text.fonts import face, freetype

_WIDTH, _MARGIN = 840, 24
_THUMB, _GAP = 70, 8
_ROW = _THUMB + 20
_LEFT = 198
_TOP = 128
_BOTTOM = 66
_INK, _SOFT, _LINE = (28, 32, 38), (104, 112, 122), (222, 225, 230)
_PLAIN, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
N_IMAGES = 8
LARGEST = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What one sheet shows.

    Attributes:
        unit: Address, such as ``vision.blocks.4.mlp.post:17``.
        pooled: How tokens became one number, in words.
        concept: The unit's concept.
        score: Smallest AUROC over modalities.
        aurocs: Modality -> AUROC.
        images: Modality -> image, and whether it shows the concept; strongest first.
        floor: What the score reaches at random weights, in words.
        how: What the score was measured on, in words.
    """

    unit: str
    pooled: str
    concept: str
    score: Estimate
    aurocs: Mapping[str, Estimate]
    images: Mapping[str, Sequence[tuple[Image.Image, bool]]]
    floor: str
    how: str


def draw(sheet: Sheet) -> Image.Image:
    """The sheet as an RGB image, 840 pixels wide."""
    height = _TOP + _ROW * len(sheet.images) + _BOTTOM
    canvas = Image.new("RGB", (_WIDTH, height), "white")
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, 0, _WIDTH, 5), fill=BLUE)
    canvas = _text(canvas, sheet.concept, (_MARGIN, 24), 34, _BOLD, _INK)
    canvas = _text(canvas, f"{sheet.unit}  ({sheet.pooled})", (_MARGIN, 74), 16, _PLAIN, _SOFT)
    value = _number(sheet.score)
    canvas = _right(canvas, value, 24, 34, _BOLD, _INK)
    canvas = _right(canvas, _interval(sheet.score), 74, 16, _PLAIN, _SOFT)
    pen = ImageDraw.Draw(canvas)
    pen.line((_MARGIN, 108, _WIDTH - _MARGIN, 108), fill=_LINE, width=1)
    for number, (name, images) in enumerate(sheet.images.items()):
        top = _TOP + number * _ROW
        colour = PALETTE[number % len(PALETTE)]
        canvas = _text(canvas, name, (_MARGIN, top + 2), 19, _BOLD, _INK)
        estimate = sheet.aurocs[name]
        line = f"{_number(estimate)}  {_interval(estimate, n=False)}"
        canvas = _text(canvas, line, (_MARGIN, top + 26), 14, _PLAIN, _SOFT)
        _scale(ImageDraw.Draw(canvas), estimate, _MARGIN, top + 56, colour)
        for place, (image, shows) in enumerate(images[:N_IMAGES]):
            left = _LEFT + place * (_THUMB + _GAP)
            _thumbnail(canvas, image, shows, left, top)
    foot = _TOP + _ROW * len(sheet.images) + 2
    pen = ImageDraw.Draw(canvas)
    pen.line((_MARGIN, foot, _WIDTH - _MARGIN, foot), fill=_LINE, width=1)
    canvas = _text(canvas, sheet.how, (_MARGIN, foot + 12), 14, _PLAIN, _SOFT)
    return _text(canvas, sheet.floor, (_MARGIN, foot + 34), 14, _PLAIN, _SOFT)


def encode(image: Image.Image) -> bytes:
    """The image as WebP, at most 40 kB."""
    for quality in (88, 80, 70, 60, 45, 30):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= LARGEST:
            break
    return buffer.getvalue()


def _thumbnail(canvas: Image.Image, image: Image.Image, shows: bool, left: int, top: int) -> None:
    small = image.convert("RGB").resize((_THUMB, _THUMB), Image.Resampling.LANCZOS)
    canvas.paste(small, (left, top))
    pen = ImageDraw.Draw(canvas)
    if shows:
        # Colour and form: the mark must not depend on seeing green.
        pen.rectangle(
            (left - 3, top - 3, left + _THUMB + 2, top + _THUMB + 2), outline=GREEN, width=3
        )
        middle = left + _THUMB // 2
        pen.polygon(
            [
                (middle - 5, top + _THUMB + 10),
                (middle + 5, top + _THUMB + 10),
                (middle, top + _THUMB + 4),
            ],
            fill=GREEN,
        )
    else:
        pen.rectangle((left, top, left + _THUMB - 1, top + _THUMB - 1), outline=_LINE, width=1)


def _scale(pen: ImageDraw.ImageDraw, estimate: Estimate, left: int, top: int, colour: str) -> None:
    """A ruler from 0.5 to 1 with the value and its interval."""
    width = _LEFT - _MARGIN - left + 4

    def x(value: float) -> int:
        return left + round(width * (min(max(value, 0.5), 1.0) - 0.5) * 2)

    pen.line((left, top, left + width, top), fill=_LINE, width=3)
    for mark in (0.5, 0.75, 1.0):
        pen.line((x(mark), top - 3, x(mark), top + 4), fill=_LINE, width=1)
    if not estimate.defined:
        return
    if estimate.low == estimate.low:
        pen.line((x(estimate.low), top, x(estimate.high), top), fill=colour, width=3)
    middle = x(estimate.value)
    pen.ellipse((middle - 5, top - 5, middle + 5, top + 5), fill=colour)


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.2f}" if estimate.defined else "undefined"


def _interval(estimate: Estimate, *, n: bool = True) -> str:
    tail = f"  n={estimate.n}" if n else ""
    if estimate.low != estimate.low:
        return f"[no interval]{tail}"
    return f"[{estimate.low:.2f}, {estimate.high:.2f}]{tail}"


def _text(
    canvas: Image.Image,
    text: str,
    xy: tuple[int, int],
    size: int,
    font: str,
    fill: tuple[int, int, int],
) -> Image.Image:
    """Text whose ascenders begin at ``xy``, shrunk where it would reach beyond the sheet."""
    room = (xy[0], xy[1], canvas.width - _MARGIN // 2, canvas.height)
    return draw_text(canvas, text, font=font, size=size, xy=xy, fill=fill, within=room).image


def _right(
    canvas: Image.Image, text: str, y: int, size: int, font: str, fill: tuple[int, int, int]
) -> Image.Image:
    with freetype():
        box = face(font, size).getbbox(text)
    return _text(
        canvas, text, (canvas.width - _MARGIN - round(box[2] - box[0]), y), size, font, fill
    )
