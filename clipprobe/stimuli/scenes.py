"""Scenes with ground truth: what is shown, where, and which pixels are its own.

A scene is a value: the same scene gives the same pixels on every machine, in any order. Places
and sizes are fractions of the side, so one scene can be drawn at any resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from clipprobe.errors import ConfigError
from clipprobe.stimuli import text as text_module
from clipprobe.stimuli.backgrounds import Background, Rgb, render_background
from clipprobe.stimuli.sprites import person_sprite, sprite

Box = tuple[int, int, int, int]
#: For a run's configuration: rendered pixels are those of this Pillow and the bundled fonts.
PILLOW = {"pillow": PIL.__version__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A concept as a colour picture or line drawing."""

    concept: str
    style: str = "noto"
    size: float = 0.7
    """Side of the sprite, as a fraction of the image's side."""
    center: tuple[float, float] = (0.5, 0.5)
    """Centre ``(x, y)``, as fractions of the side."""
    rotation: float = 0.0
    """Degrees, counter-clockwise."""
    ink: Rgb = (0, 0, 0)
    """Colour of the strokes of a line drawing; colour pictures have their own."""
    flip: bool = False
    """Mirror left and right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A written word."""

    text: str
    font: str = text_module.DEFAULT_FONT
    size: float = 0.25
    """Line height as a fraction of the side; lowered where the word does not fit."""
    center: tuple[float, float] = (0.5, 0.5)
    """Wanted centre ``(x, y)``; moved inside where the word would reach beyond the image."""
    fill: Rgb = (0, 0, 0)
    background: Rgb | None = None
    rotation: float = 0.0
    stretch: float = 1.0
    """Factor on the width of the letters."""
    slant: float = 0.0
    """Degrees by which upright strokes lean to the right; not together with a rotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A drawn person; every attribute is what the drawing is meant to be perceived as."""

    gender: Literal["woman", "man"]
    skin_tone: str
    hair: str = ""
    occupation: str = ""
    style: str = "noto"
    size: float = 0.8
    center: tuple[float, float] = (0.5, 0.5)
    rotation: float = 0.0
    flip: bool = False


Item = Picture | Word | Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that is on one image; later items cover earlier ones."""

    items: tuple[Item, ...]
    background: Background = field(default_factory=Background)
    size_px: int = 64
    """Side of the image in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A drawn scene with its ground truth."""

    image: Image.Image
    """RGB, ``size_px`` x ``size_px``."""
    boxes: tuple[Box | None, ...]
    """Per item: tight box ``(x0, y0, x1, y1)`` of its visible pixels, or ``None`` if hidden."""
    masks: npt.NDArray[np.bool_]
    """Visible pixels of each item, ``(n_items, h, w)``; items do not overlap."""
    scene: Scene


def render(scene: Scene) -> Rendered:
    """Draw a scene.

    Raises:
        ConfigError: an unknown concept, style, font or background, or a size that is not positive.
        GlyphError, TextFitError: a word cannot be written with that font, or in that room.
    """
    if scene.size_px < 16:
        raise ConfigError(f"size_px={scene.size_px} is too small to draw on: give at least 16.")
    image = render_background(scene.background, scene.size_px)
    masks = np.zeros((len(scene.items), scene.size_px, scene.size_px), dtype=bool)
    for index, item in enumerate(scene.items):
        if isinstance(item, Word):
            _write(image, masks[index], item)
        else:
            _paste(image, masks[index], item)
        masks[:index] &= ~masks[index]
    return Rendered(
        image=image, boxes=tuple(tight_box(mask) for mask in masks), masks=masks, scene=scene
    )


def tight_box(mask: npt.NDArray[np.bool_]) -> Box | None:
    """Smallest box around the true pixels of ``(h, w)``, half-open; ``None`` if there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def sprite_of(item: Picture | Person, width: int) -> Image.Image:
    """The RGBA sprite of an item, mirrored and turned, on an image of ``width`` pixels."""
    side = max(4, round(item.size * width))
    if isinstance(item, Picture):
        drawing = sprite(item.concept, style=item.style, size=side)
        if item.style == "line":
            stroke = Image.new("RGBA", drawing.size, item.ink)
            stroke.putalpha(drawing.getchannel("A"))
            drawing = stroke
    else:
        drawing = person_sprite(
            item.gender,
            item.skin_tone,
            hair=item.hair,
            occupation=item.occupation,
            style=item.style,
            size=side,
        )
    if item.flip:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if item.rotation:
        drawing = drawing.rotate(item.rotation, Image.Resampling.BICUBIC, expand=True)
    return drawing


def _paste(image: Image.Image, mask: npt.NDArray[np.bool_], item: Picture | Person) -> None:
    drawing = sprite_of(item, image.width)
    x0 = round(item.center[0] * image.width - drawing.width / 2)
    y0 = round(item.center[1] * image.height - drawing.height / 2)
    image.paste(drawing, (x0, y0), drawing)
    alpha = Image.new("L", image.size)
    alpha.paste(drawing.getchannel("A"), (x0, y0))
    mask |= np.asarray(alpha) > 127


def word_label(item: Word, size_px: int) -> text_module.Label:
    """The label of a word, as it stands on an image of ``size_px`` x ``size_px`` pixels."""
    line = item.size * size_px
    lean = abs(math.tan(math.radians(item.slant))) * line
    rendered = text_module.label(
        item.text,
        font=item.font,
        size=line,
        room=(math.floor((size_px - lean) / max(1.0, item.stretch)), size_px),
        padding=1 if item.background is not None else 0,
        rotation=item.rotation,
    )
    return text_module.distorted(rendered, stretch=item.stretch, slant=item.slant)


def _write(image: Image.Image, mask: npt.NDArray[np.bool_], item: Word) -> None:
    rendered = word_label(item, image.width)
    x0 = round(item.center[0] * image.width - rendered.size[0] / 2)
    y0 = round(item.center[1] * image.height - rendered.size[1] / 2)
    x0 = min(max(x0, 0), image.width - rendered.size[0])
    y0 = min(max(y0, 0), image.height - rendered.size[1])
    text_module.stamp(image, mask, rendered, (x0, y0), fill=item.fill, background=item.background)
