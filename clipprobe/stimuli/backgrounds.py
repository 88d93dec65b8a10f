"""Backgrounds behind the things that a stimulus shows; ``splits`` says which are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageDraw

from clipprobe.errors import ConfigError

Rgb = tuple[int, int, int]
Kind = Literal[
    "plain", "gradient", "blobs", "grain", "shards", "dots", "waves", "stripes", "checks"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """One background, fully described."""

    kind: Kind = "plain"
    color: Rgb = (255, 255, 255)
    second: Rgb = (255, 255, 255)
    """Second colour; unused by ``plain``."""
    seed: int = 0
    """Draws the direction of a gradient, the blobs, the period of a pattern."""


def render_background(background: Background, size_px: int) -> Image.Image:
    """Return an RGB image of ``size_px`` x ``size_px`` pixels.

    Raises:
        ConfigError: the kind is unknown.
    """
    if background.kind not in get_args(Kind):
        raise ConfigError(
            f"No background is called {background.kind!r}; there are {', '.join(get_args(Kind))}."
        )
    base = Image.new("RGB", (size_px, size_px), background.color)
    if background.kind == "plain":
        return base
    rng = np.random.default_rng([7, background.seed])
    mask = _mask(background.kind, size_px, rng)
    base.paste(background.second, mask=mask)
    return base


def _mask(kind: str, size_px: int, rng: np.random.Generator) -> Image.Image:
    """Coverage of the second colour. Integer or Pillow arithmetic only: same bytes everywhere."""
    if kind == "gradient":
        corners = rng.permutation(np.array([0, 85, 170, 255], dtype=np.uint8)).reshape(2, 2)
        return Image.fromarray(corners).resize((size_px, size_px), Image.Resampling.BILINEAR)
    if kind == "blobs":
        grid = rng.integers(0, 256, size=(5, 5), dtype=np.uint8)
        return Image.fromarray(grid).resize((size_px, size_px), Image.Resampling.BICUBIC)
    if kind == "grain":
        side = int(rng.integers(12, 33))
        grid = rng.integers(0, 256, size=(side, side), dtype=np.uint8)
        return Image.fromarray(grid).resize((size_px, size_px), Image.Resampling.BILINEAR)
    if kind in ("dots", "shards", "waves"):
        return _pattern(kind, size_px, rng)
    period = max(4, size_px // int(rng.integers(4, 9)))
    y, x = np.indices((size_px, size_px)) // (period // 2)
    cells = (x + y) % 2 if kind == "checks" else (x if rng.integers(2) else y) % 2
    return Image.fromarray((cells * 255).astype(np.uint8))


def _pattern(kind: str, size_px: int, rng: np.random.Generator) -> Image.Image:
    """Dots on a jittered grid, triangles, or broken lines."""
    mask = Image.new("L", (size_px, size_px))
    pen = ImageDraw.Draw(mask)
    if kind == "dots":
        n = int(rng.integers(3, 8))
        cell = size_px / n
        for row in range(n):
            for column in range(n):
                x, y = ((i + float(rng.uniform(0.25, 0.75))) * cell for i in (column, row))
                radius = cell * float(rng.uniform(0.15, 0.45))
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        return mask
    if kind == "shards":
        for _ in range(int(rng.integers(3, 9))):
            corners = [(float(x), float(y)) for x, y in rng.uniform(-0.2, 1.2, (3, 2)) * size_px]
            pen.polygon(corners, fill=255)
        return mask
    points = int(rng.integers(4, 9))
    for _ in range(int(rng.integers(2, 5))):
        at, step = float(rng.uniform(0, size_px)), size_px / (points - 1)
        line = [(i * step, at + float(rng.uniform(-0.2, 0.2)) * size_px) for i in range(points)]
        if rng.integers(2):
            line = [(y, x) for x, y in line]
        pen.line(line, fill=255, width=int(rng.integers(2, max(3, size_px // 7))))
    return mask
