"""Stretching and slanting a rendered label, so that a few fonts can stand for many."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from PIL import Image

from clipprobe.stimuli.text.render import Label


def distorted(label: Label, *, stretch: float = 1.0, slant: float = 0.0) -> Label:
    """A label made wider or narrower, and leaning.

    Args:
        label: A label without outline.
        stretch: Factor on the width.
        slant: Degrees by which upright strokes lean to the right.
    Returns:
        The label, cropped to its ink; its background stays a rectangle.
    """
    if stretch == 1.0 and slant == 0.0:
        return label
    width, height = label.size
    lean = math.tan(math.radians(slant))
    new_width = max(1, math.ceil(width * stretch + abs(lean) * height))
    # Output pixel (x, y) is taken from ((x + lean * y - offset) / stretch, y).
    offset = max(0.0, lean * height)
    matrix = (1 / stretch, lean / stretch, -offset / stretch, 0.0, 1.0, 0.0)
    fill = label.fill.transform(
        (new_width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    frame = fill.getbbox() or (0, 0, *fill.size)
    fill = fill.crop(frame)
    ink = np.asarray(fill) > 0
    ink.setflags(write=False)
    box = (0, 0, *fill.size)
    return replace(
        label,
        fill=fill,
        outline=None,
        background=Image.new("L", fill.size, 255),
        ink=ink,
        ink_box=box,
        line_boxes=(box,),
    )
