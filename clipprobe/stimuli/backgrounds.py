"""Backgrounds behind the things that a stimulus shows; ``splits`` says which are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from clipprobe.errors import ConfigError

Rgb = tuple[int, int, int]
Kind = Literal["plain", "gradient", "blobs", "stripes", "checks"]


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
    period = max(4, size_px // int(rng.integers(4, 9)))
    y, x = np.indices((size_px, size_px)) // (period // 2)
    cells = (x + y) % 2 if kind == "checks" else (x if rng.integers(2) else y) % 2
    return Image.fromarray((cells * 255).astype(np.uint8))
