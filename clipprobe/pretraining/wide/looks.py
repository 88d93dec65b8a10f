"""How a sprite and a finished image can look otherwise: colours, shape, focus, compression."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from clipprobe.stimuli.backgrounds import Rgb
from clipprobe.stimuli.splits import TRAINED_ROTATIONS, TRAINED_STYLES, draw_rotation, pick
from clipprobe.stimuli.sprites import sprite, training_sprite, training_styles

_GRAY = np.array([0.299, 0.587, 0.114])
#: Share of pictures in the styles that only training has, where there are some.
OTHER_STYLES_SHARE = 0.35


def draw_sprite(name: str, side: int, rng: np.random.Generator) -> Image.Image:
    """The colour picture of a concept in some trained style, with its colours and shape changed."""
    others = training_styles(name)
    if others and rng.random() < OTHER_STYLES_SHARE:
        drawing = training_sprite(name, style=pick(others, rng), size=side)
    else:
        drawing = sprite(name, style=pick(TRAINED_STYLES, rng), size=side)
    drawing = recolour(drawing, rng)
    if rng.random() < 0.08:
        drawing = with_rim(drawing, (255, 255, 255))
    return reshape(drawing, rng)


def draw_strokes(name: str, side: int, ink: Rgb, rng: np.random.Generator) -> Image.Image:
    """The line drawing of a concept in an ink, with its shape changed."""
    alpha = sprite(name, style="line", size=side).getchannel("A")
    if rng.random() < 0.3:  # a bolder or a finer pen
        gain = float(rng.uniform(0.6, 2.0))
        alpha = alpha.point([min(255, round(v * gain)) for v in range(256)])
    strokes = Image.new("RGBA", alpha.size, ink)
    strokes.putalpha(alpha)
    return reshape(strokes, rng)


def recolour(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Hue, saturation, contrast and brightness changed, now and then all colour taken."""
    kind = rng.random()
    if kind < 0.35:
        return drawing
    if kind < 0.40:
        gray = ImageOps.autocontrast(drawing.convert("RGB").convert("L"))
        return Image.merge("RGBA", (gray, gray, gray, drawing.getchannel("A")))
    turn = rng.normal(0, 0.25) if kind < 0.93 else rng.uniform(-math.pi, math.pi)
    matrix = _hue(turn) @ _saturation(float(rng.uniform(0.3, 1.5))) * rng.uniform(0.75, 1.25)
    values = np.asarray(drawing).astype(np.float32)
    colours = (values[..., :3] - 128) @ matrix.T.astype(np.float32) + 128 + rng.normal(0, 14)
    values[..., :3] = np.clip(colours, 0, 255)
    return Image.fromarray(values.astype(np.uint8), "RGBA")


def reshape(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Mirrored, stretched, seen from the side, turned."""
    if rng.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    width, height = drawing.size
    kind = rng.random()
    if kind < 0.2:
        factor = math.exp(float(rng.uniform(-0.22, 0.22)))
        size = (max(4, round(width * min(1, factor))), max(4, round(height * min(1, 1 / factor))))
        drawing = drawing.resize(size, Image.Resampling.BILINEAR)
    elif kind < 0.32:
        corners = np.array([(0, 0), (0, height), (width, height), (width, 0)], dtype=float)
        corners += rng.uniform(-0.13, 0.13, (4, 2)) * (width, height)
        drawing = drawing.transform(
            drawing.size, Image.Transform.QUAD, corners.ravel().tolist(), Image.Resampling.BILINEAR
        )
    if rng.random() < 0.6:
        turn = draw_rotation(TRAINED_ROTATIONS, rng)
        drawing = drawing.rotate(turn, Image.Resampling.BILINEAR, expand=True)
    return drawing


def with_rim(drawing: Image.Image, colour: Rgb) -> Image.Image:
    """A sticker: the drawing with a rim around it."""
    rim = Image.new("RGBA", drawing.size, colour)
    rim.putalpha(drawing.getchannel("A").filter(ImageFilter.MaxFilter(3)))
    return Image.alpha_composite(rim, drawing)


def finish(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The whole image in another light, out of focus, coarse, grainy or compressed; or as it is."""
    if rng.random() < 0.35:
        contrast, gamma = float(rng.uniform(0.55, 1.25)), math.exp(float(rng.normal(0, 0.25)))
        middle = 127 + float(rng.normal(0, 15))
        curve = 255 * (np.arange(256) / 255) ** gamma
        table = np.clip((curve - 127) * contrast + middle, 0, 255).astype(np.uint8)
        image = image.point(table.tolist() * 3)
    kind = rng.random()
    if kind < 0.10:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.0))))
    elif kind < 0.16:
        coarse = round(image.width * float(rng.uniform(0.55, 0.9)))
        image = image.resize((coarse, coarse), Image.Resampling.BOX).resize(image.size)
    elif kind < 0.24:
        grain = rng.normal(0, float(rng.uniform(3, 16)), (image.height, image.width, 1))
        image = Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    elif kind < 0.34:
        file = BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(25, 85)))
        image = Image.open(file).convert("RGB")
    return image


def _saturation(amount: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return amount * np.eye(3) + (1 - amount) * np.tile(_GRAY, (3, 1))


def _hue(turn: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """A rotation about the axis of grays."""
    c, s = math.cos(turn), math.sin(turn)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    return c * np.eye(3) + s * cross + (1 - c) / 3 * np.ones((3, 3))
