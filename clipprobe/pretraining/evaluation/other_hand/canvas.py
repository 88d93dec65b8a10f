"""Backgrounds and pasting of the second renderer.

Everything is drawn at three times the final side and reduced once, so edges are blended as a camera
or a browser would blend them; the first renderer draws at the final size. Only Pillow and integer
grids from numpy: the same bytes on every machine.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 64
FACTOR = 3
CANVAS = SIDE * FACTOR

Rgb = tuple[int, int, int]
Place = tuple[float, float]


def colour(rng: np.random.Generator, *, low: int = 0, high: int = 255) -> Rgb:
    """Any colour with channels in ``[low, high]``."""
    red, green, blue = (int(c) for c in rng.integers(low, high + 1, size=3))
    return red, green, blue


def luminance(value: Rgb) -> float:
    """Rec. 601 luma, 0 to 255."""
    return 0.299 * value[0] + 0.587 * value[1] + 0.114 * value[2]


def background(rng: np.random.Generator) -> Image.Image:
    """One background of a kind chosen at random, ``CANVAS`` x ``CANVAS``, RGB."""
    return _KINDS[int(rng.integers(len(_KINDS)))](rng)


def paste(
    canvas: Image.Image,
    sprite: Image.Image,
    *,
    center: Place,
    side: float,
    rng: np.random.Generator,
) -> None:
    """Put an RGBA sprite on ``canvas``, mirrored half the time; beyond the edge it is cut off.

    Args:
        center: Fractions of the canvas side.
        side: Of the sprite, as a fraction of the canvas side.
    """
    pixels = max(8, round(side * canvas.width))
    shape = sprite.resize((pixels, pixels), Image.Resampling.BICUBIC)
    if rng.integers(2):
        shape = shape.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    at = tuple(round(c * canvas.width - pixels / 2) for c in center)
    canvas.paste(shape, (at[0], at[1]), shape)


def finished(canvas: Image.Image) -> Image.Image:
    """The canvas at its final side."""
    return canvas.resize((SIDE, SIDE), Image.Resampling.BOX)


def _shade(rng: np.random.Generator) -> Image.Image:
    """Two colours that blend around a bright spot."""
    image = Image.new("RGB", (CANVAS, CANVAS), colour(rng))
    spot = Image.radial_gradient("L").resize((2 * CANVAS, 2 * CANVAS))
    x, y = (int(v) for v in rng.integers(0, CANVAS, size=2))
    mask = spot.crop((x, y, x + CANVAS, y + CANVAS))
    image.paste(colour(rng), mask=mask)
    return image


def _clouds(rng: np.random.Generator) -> Image.Image:
    """Noise with more power at coarse scales, coloured between two colours."""
    total = np.zeros((CANVAS, CANVAS), dtype=np.int64)
    for cells, weight in ((2, 8), (4, 4), (8, 2), (24, 1)):
        grid = rng.integers(0, 256, size=(cells, cells), dtype=np.uint8)
        layer = Image.fromarray(grid).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
        total += weight * np.asarray(layer, dtype=np.int64)
    mask = Image.fromarray((total // 15).astype(np.uint8))
    image = Image.new("RGB", (CANVAS, CANVAS), colour(rng))
    image.paste(colour(rng), mask=mask)
    return image


def _plaid(rng: np.random.Generator) -> Image.Image:
    """Translucent bands that cross."""
    image = Image.new("RGB", (CANVAS, CANVAS), colour(rng, low=60))
    for _ in range(int(rng.integers(4, 9))):
        band = Image.new("L", (CANVAS, CANVAS))
        at, width = int(rng.integers(0, CANVAS)), int(rng.integers(6, 40))
        box = (at, 0, at + width, CANVAS) if rng.integers(2) else (0, at, CANVAS, at + width)
        ImageDraw.Draw(band).rectangle(box, fill=int(rng.integers(60, 160)))
        image.paste(colour(rng), mask=band)
    return image


def _bricks(rng: np.random.Generator) -> Image.Image:
    """A wall in running bond."""
    mortar, brick = colour(rng, low=120), colour(rng, low=40, high=210)
    image = Image.new("RGB", (CANVAS, CANVAS), mortar)
    pen = ImageDraw.Draw(image)
    height = int(rng.integers(14, 34))
    width = height * 2
    for row in range(-1, CANVAS // height + 1):
        for column in range(-1, CANVAS // width + 2):
            x, y = column * width + (row % 2) * height, row * height
            change = int(rng.integers(-18, 19))
            fill = tuple(min(255, max(0, c + change)) for c in brick)
            pen.rectangle((x + 2, y + 2, x + width - 2, y + height - 2), fill=fill)
    return image


def _rings(rng: np.random.Generator) -> Image.Image:
    """Circles around one point."""
    image = Image.new("RGB", (CANVAS, CANVAS), colour(rng))
    pen = ImageDraw.Draw(image)
    x, y = (int(v) for v in rng.integers(0, CANVAS, size=2))
    step = int(rng.integers(14, 36))
    first, second = colour(rng), colour(rng)
    for index, radius in enumerate(range(2 * CANVAS, 0, -step)):
        pen.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=second if index % 2 else first
        )
    return image


def _confetti(rng: np.random.Generator) -> Image.Image:
    """Many small ellipses, out of focus."""
    image = Image.new("RGB", (CANVAS, CANVAS), colour(rng))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(20, 70))):
        x, y = (int(v) for v in rng.integers(0, CANVAS, size=2))
        wide, high = (int(v) for v in rng.integers(4, 26, size=2))
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=colour(rng))
    return image.filter(ImageFilter.GaussianBlur(float(rng.integers(0, 5))))


def _horizon(rng: np.random.Generator) -> Image.Image:
    """A bright half above a darker half, each with a faint gradient: a room or a landscape."""
    image = Image.new("RGB", (CANVAS, CANVAS))
    split = int(CANVAS * float(rng.uniform(0.35, 0.8)))
    sky, land = colour(rng, low=110), colour(rng, high=170)
    fade = Image.linear_gradient("L").resize((CANVAS, CANVAS))
    image.paste(sky, (0, 0, CANVAS, split))
    image.paste(land, (0, split, CANVAS, CANVAS))
    image.paste(colour(rng), mask=fade.point([v // 3 for v in range(256)]))
    return image


_KINDS = (_shade, _clouds, _plaid, _bricks, _rings, _confetti, _horizon)
