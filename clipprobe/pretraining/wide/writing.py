"""Words in any place, font, case and colour, with and without a box, and labels without words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from clipprobe.arrays import Floats
from clipprobe.errors import TextFitError
from clipprobe.pretraining.wide.backgrounds import any_colour, near
from clipprobe.pretraining.wide.canvas import Canvas
from clipprobe.stimuli import text as text_module
from clipprobe.stimuli.backgrounds import Rgb
from clipprobe.stimuli.splits import TRAINED_FONTS, pick

#: Ink and what is under it differ by so much in luminance, of 255.
LEAST_CONTRAST = 60
#: Letters get a box where what is under them differs in luminance by more.
MOST_UNREST = 130
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """How something is written."""

    font: str
    size_px: float
    case: str
    rotation: float
    stretch: float
    slant: float
    outline_px: int
    hollow: bool
    tilt: tuple[float, float]
    padding: int
    has_box: bool


def draw_hand(
    rng: np.random.Generator,
    *,
    least_px: float = 9.0,
    most_px: float = 30.0,
    box_share: float = 0.4,
) -> Hand:
    """A way of writing: a font, a size, a case, and what is done to the letters."""
    turn = rng.random()
    rotation = 0.0 if turn < 0.5 else float(rng.normal(0, 8 if turn < 0.9 else 18))
    stroke = rng.random()
    tilts = rng.random() < 0.06 and rotation == 0.0
    return Hand(
        font=pick(TRAINED_FONTS, rng),
        size_px=math.exp(float(rng.uniform(math.log(least_px), math.log(most_px)))),
        case=("lower", "upper", "title")[int(rng.choice(3, p=(0.6, 0.2, 0.2)))],
        rotation=0.0 if tilts else float(np.clip(rotation, -25, 25)),
        stretch=math.exp(float(rng.uniform(-0.3, 0.3))) if rng.random() < 0.5 else 1.0,
        slant=float(rng.uniform(-16, 16)) if rotation == 0.0 and rng.random() < 0.4 else 0.0,
        outline_px=int(stroke < 0.22),
        hollow=stroke < 0.06,
        tilt=(float(rng.uniform(-30, 30)), float(rng.uniform(-20, 20))) if tilts else (0.0, 0.0),
        padding=int(rng.integers(1, 5)),
        has_box=rng.random() < box_share,
    )


def write(
    canvas: Canvas,
    text: str,
    hand: Hand,
    rng: np.random.Generator,
    *,
    ink: Rgb | None = None,
    bare_share: float = 0.0,
    letters: bool = True,
) -> None:
    """Write ``text`` anywhere, so that it can be read.

    Args:
        ink: Colour of the letters; any that shows by default.
        bare_share: Share of the things' pixels that the label should leave bare.
        letters: ``False`` puts the box alone.
    """
    text = {"upper": text.upper(), "title": text.capitalize()}.get(hand.case, text)
    label = _label(text, hand, canvas.side)
    x, y = _room(canvas, label.size, bare_share, rng)
    under = canvas.under((x, y, x + label.size[0], y + label.size[1]))
    shades = np.quantile(under @ LUMA, (0.1, 0.9))
    box = None
    if hand.has_box or not letters or shades[1] - shades[0] > MOST_UNREST:
        box = any_colour(rng) if ink is None else against(np.array([luma(ink)]), rng)
    elif ink is not None and _gap(luma(ink), shades) < LEAST_CONTRAST:
        box = against(np.array([luma(ink)]), rng)
    if box is not None:
        shades = np.array([luma(box)])
    fill = against(shades, rng) if ink is None else ink
    outline = fill if hand.outline_px else None
    if outline is not None and hand.hollow:
        fill = box if box is not None else near(_rgb(under.mean(axis=0)), rng)
    elif outline is not None and ink is None and rng.random() < 0.5:
        outline = against(np.array([luma(fill)]), rng)
    mask = np.zeros_like(canvas.writing)
    text_module.stamp(
        canvas.image,
        mask,
        label,
        (x, y),
        fill=fill,
        outline=outline,
        background=box,
        letters=letters,
    )
    if letters:
        canvas.writing |= mask
        canvas.name_letters(text, hand.font, label, (x, y), hand.rotation)


def _room(
    canvas: Canvas, size: tuple[int, int], bare_share: float, rng: np.random.Generator
) -> tuple[int, int]:
    """A corner for a label; of some, the first that spares enough of the things, or the best."""
    best, least = (0, 0), np.inf
    total = max(1, int(canvas.things.sum()))
    for _ in range(6):
        x, y = (int(rng.integers(canvas.side - s + 1)) for s in size)
        hidden = canvas.things[y : y + size[1], x : x + size[0]].sum() / total
        if hidden < least:
            best, least = (x, y), hidden
        if least <= 1 - bare_share:
            break
    return best


def tape(canvas: Canvas, center: tuple[float, float], rng: np.random.Generator) -> None:
    """A strip of one colour across a part of the image."""
    length, width = rng.uniform(0.4, 1.0) * canvas.side, rng.uniform(0.12, 0.24) * canvas.side
    turn = float(rng.normal(0, 0.4))
    c, s = math.cos(turn), math.sin(turn)
    x, y = center[0] * canvas.side, center[1] * canvas.side
    corners = [
        (x + a * length / 2 * c - b * width / 2 * s, y + a * length / 2 * s + b * width / 2 * c)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    mask = Image.new("L", canvas.image.size)
    ImageDraw.Draw(mask).polygon(corners, fill=int(rng.integers(170, 256)))
    canvas.image.paste(any_colour(rng), (0, 0), mask)


def luma(colour: Rgb) -> float:
    """Luminance, 0 to 255."""
    return float(np.dot(colour, LUMA))


def _label(text: str, hand: Hand, side: int) -> text_module.Label:
    """The label in this hand; plainer where that does not fit."""
    lean = abs(math.tan(math.radians(hand.slant))) * hand.size_px
    outline = hand.outline_px if hand.stretch == 1.0 and hand.slant == 0.0 else 0
    rim = text_module.growth(tilted=hand.tilt != (0.0, 0.0))
    try:
        label = text_module.label(
            text,
            font=hand.font,
            size=hand.size_px,
            room=(
                math.floor((side - lean) / max(1.0, hand.stretch)) - 2 * rim,
                side - 2 * rim,
            ),
            outline_px=outline,
            padding=hand.padding if hand.has_box else 1,
            rotation=hand.rotation,
        )
    except TextFitError:
        label = text_module.label(text, font=hand.font, size=5.0, room=(side, side))
    label = text_module.distorted(label, stretch=hand.stretch, slant=hand.slant)
    if hand.tilt != (0.0, 0.0):
        label = text_module.warped(label, perspective=hand.tilt)
    return label


def against(shades: Floats, rng: np.random.Generator) -> Rgb:
    """A colour that shows on luminances; black or white where no other does."""
    for _ in range(12):
        colour = any_colour(rng)
        if _gap(luma(colour), shades) >= LEAST_CONTRAST:
            return colour
    return (0, 0, 0) if shades.mean() > 127 else (255, 255, 255)


def _gap(value: float, shades: Floats) -> float:
    """Least distance of a luminance from a range of them; 0 inside."""
    if shades.min() <= value <= shades.max():
        return 0.0
    return float(np.abs(shades - value).min())


def _rgb(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Rgb:
    r, g, b = (int(v) for v in values)
    return r, g, b
