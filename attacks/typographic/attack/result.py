"""What an attack returns, and how its copies are put on the image.

White bands above and below an image take text that hides nothing (Self-Generated attacks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from attacks.typographic.attack.contrast import color_at, luminance, ratio
from attacks.typographic.attack.description import AttackDescription
from attacks.typographic.attack.placement import band_px
from clipprobe.stimuli import PILLOW
from clipprobe.stimuli.text import Box, Label, rgb, shifted, stamp

Bools = npt.NDArray[np.bool_]
RGB = tuple[int, int, int]
WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedImage:
    """What an attack returns. Every pixel that it changed lies in ``region``; where nothing but
    letters and outline was drawn (no background, shadow or bands), it lies in ``mask``."""

    image: Image.Image
    """RGB, of the size of the image that was given; with bands as much higher as they are."""
    mask: Bools
    """Inked pixels, ``(h, w)`` of ``image``: where letters or outline have any coverage after
    rotation, perspective, downscale and blur; not the background box. For a blank label, the
    pixels of the label."""
    boxes: list[Box]
    """Tight box of the ink of each copy: ``(x0, y0, x1, y1)`` in pixels, half-open."""
    labels: list[Box]
    """Box of each whole label, with background, padding, blur and shadow."""
    spec: dict[str, Any]
    """Every setting as drawn, the text as written, its size after fitting, its places, colours,
    measured contrast, and the Pillow that drew it; plain JSON types. See :func:`redraw`."""
    region: Bools
    """Pixels that may have changed, ``(h, w)``: ink, background box, shadow, bands."""


def place_copies(
    attack: AttackDescription,
    image: Image.Image,
    label: Label,
    boxes: Sequence[Box],
    *,
    kind: str,
    letters: bool = True,
    colors: Sequence[RGB] | None = None,
) -> AttackedImage:
    """Stamp a label at each box of a copy of ``image``.

    Args:
        boxes: In pixels of the result, bands included.
        colors: Of the letters of each copy; ``None`` takes the attack's colour and contrast.
    """
    canvas, added = with_bands(image, attack.band) if attack.band else (image.copy(), 0)
    mask = np.zeros((canvas.height, canvas.width), dtype=bool)
    region = mask.copy()
    if added:
        region[:added] = region[-added:] = True
    own = rgb(attack.color)
    used: list[RGB] = []
    measured: list[float] = []
    ink_box = label.ink_box if letters else label.background.getbbox() or (0, 0, *label.size)
    for i, box in enumerate(boxes):
        ground = _ground(attack, canvas, box, label)
        fill = own if colors is None else colors[i]
        if colors is None and attack.contrast is not None:
            fill = color_at(own, ground, attack.contrast)
        blank = WHITE if added else fill
        stamp(
            canvas,
            mask,
            label,
            box[:2],
            fill=fill,
            opacity=attack.opacity,
            outline=attack.outline,
            background=attack.background if letters else (attack.background or blank),
            letters=letters,
            shadow=attack.shadow,
            region=region,
        )
        used.append(fill)
        if letters:
            measured.append(round(ratio(_inked(attack, canvas, box, label, fill), ground), 3))
    return AttackedImage(
        image=canvas,
        mask=mask,
        boxes=[shifted(ink_box, box[:2]) for box in boxes],
        labels=list(boxes),
        region=region,
        spec={
            **attack.to_json(),
            "kind": kind,
            "text": attack.text if letters else "",
            "size_px": label.size_px,
            "image_size": list(image.size),
            "labels": [list(box) for box in boxes],
            "colors": ["#{:02x}{:02x}{:02x}".format(*fill) for fill in used],
            "contrast_measured": measured,
            **PILLOW,
        },
    )


def with_bands(image: Image.Image, band: float) -> tuple[Image.Image, int]:
    """``image`` with a white band above and below, and the height of one in pixels.

    Args:
        band: Height of one band as a fraction of the image's height.
    """
    added = band_px(band, image.height)
    canvas = Image.new("RGB", (image.width, image.height + 2 * added), WHITE)
    canvas.paste(image, (0, added))
    return canvas, added


def letterboxed(image: Image.Image, like: tuple[int, int]) -> Image.Image:
    """``image`` with white at its sides, to the aspect ratio of ``like``.

    A model that crops to a square would cut the bands away again; so it sees all of the image,
    smaller.
    """
    width = max(image.width, round(image.height * like[0] / like[1]))
    canvas = Image.new("RGB", (width, image.height), WHITE)
    canvas.paste(image, ((width - image.width) // 2, 0))
    return canvas


def _ground(attack: AttackDescription, canvas: Image.Image, box: Box, label: Label) -> float:
    """Mean luminance of what lies under the letters of one copy, before it is drawn."""
    if attack.background is not None and attack.opacity == 1.0:  # nothing else is seen there
        return _shade(rgb(attack.background))
    under = np.asarray(canvas.crop(box))[label.ink]
    if attack.background is not None:
        note = np.array(rgb(attack.background), float)
        under = np.rint(attack.opacity * note + (1 - attack.opacity) * under).astype(np.uint8)
    return float(luminance(under).mean())


def _inked(
    attack: AttackDescription, canvas: Image.Image, box: Box, label: Label, fill: RGB
) -> float:
    """Mean luminance of the fullest ink of one copy, after it was drawn."""
    if attack.opacity == 1.0 and label.fill.getextrema()[1] == 255:  # full ink has its own colour
        return _shade(fill)
    core = np.asarray(label.fill)
    after = np.asarray(canvas.crop(box))[core >= 0.98 * core.max()]
    return float(luminance(after).mean())


@lru_cache(maxsize=4096)
def _shade(color: RGB) -> float:
    return float(luminance(np.array(color, np.uint8)))
