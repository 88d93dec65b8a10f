"""How a label looks from the side, from afar, in a mirror, stretched: changes of its masks.

Only the label is changed, never the image under it, so the ink stays known exactly: it is where
a changed mask of letters or outline is above zero.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from clipprobe.stimuli.text.render import Label

#: Distance of the eye from a tilted label, in half diagonals of the label.
EYE = 3.0
_RIM = 1
_FINE = 4


def distorted(label: Label, *, stretch: float = 1.0, slant: float = 0.0) -> Label:
    """A label made wider or narrower, and leaning, so that a few fonts can stand for many.

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
    fill = fill.crop(fill.getbbox() or (0, 0, *fill.size))
    return label.with_masks(fill, None, Image.new("L", fill.size, 255), label.shadow)


def growth(
    *, tilted: bool = False, downscale: float = 1.0, blur_px: float = 0.0, shadow_px: float = 0.0
) -> int:
    """Pixels that a tilt, distance, blur and shadow add on each side of a label."""
    return (_RIM + 1 if tilted else 0) + _afar(downscale) + _soft(blur_px, shadow_px)


def _afar(downscale: float) -> int:
    return math.ceil(1 / downscale) if downscale < 1.0 else 0


def _soft(blur_px: float, shadow_px: float) -> int:
    blur = math.ceil(3 * blur_px) + 3 if blur_px else 0
    return blur + (math.ceil(4 * shadow_px) + 3 if shadow_px else 0)


def warped(
    label: Label,
    *,
    rotation: float = 0.0,
    mirrored: bool = False,
    perspective: tuple[float, float] = (0.0, 0.0),
    downscale: float = 1.0,
    blur_px: float = 0.0,
    shadow_px: float = 0.0,
) -> Label:
    """A label turned, mirrored, tilted, seen from afar, out of focus, or with a shadow; in order.

    Args:
        rotation: Degrees, counter-clockwise; turned together with the tilt, so that edges are
            smoothed once. For a label that is not turned yet.
        mirrored: Left and right exchanged.
        perspective: Degrees by which the label is turned about its vertical axis (the right side
            goes away from the eye) and its horizontal axis (the top goes away).
        downscale: Resolution that is left, above 0 and at most 1: the label is averaged down to
            that share of its pixels per side and enlarged again.
        blur_px: Standard deviation of a Gaussian blur.
        shadow_px: Offset to the lower right, and blur, of a shadow of the background.
    Returns:
        The label; a tilt, distance, blur and shadow make it larger by up to :func:`growth` pixels
        on each side.
    """
    layers = [label.fill, label.outline, label.background]
    if rotation or perspective != (0.0, 0.0):
        layers = [m and _tilted(m, rotation, mirrored, perspective) for m in layers]
    elif mirrored:
        layers = [m and m.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for m in layers]
    if downscale < 1.0:
        # Room around the label, so that its coarse pixels are not cut off at its edge.
        layers = [m and _padded(m, _afar(downscale)) for m in layers]
        layers = [m and _from_afar(m, downscale) for m in layers]
    pad = _soft(blur_px, shadow_px)
    if pad:
        layers = [m and _padded(m, pad) for m in layers]
    if blur_px:
        layers = [m and m.filter(ImageFilter.GaussianBlur(blur_px)) for m in layers]
    fill, outline, background = layers
    assert fill is not None and background is not None
    shadow = None
    if shadow_px:
        step = max(1, round(shadow_px))
        shadow = Image.new("L", background.size)
        shadow.paste(background, (step, step))
        shadow = shadow.filter(ImageFilter.GaussianBlur(shadow_px))
    return label.with_masks(fill, outline, background, shadow)


def _tilted(
    mask: Image.Image, rotation: float, mirrored: bool, perspective: tuple[float, float]
) -> Image.Image:
    """Turned and tilted at four times the resolution, with a rim to smooth the edges against."""
    mask = _padded(mask, _RIM)
    large = mask.resize((mask.width * _FINE, mask.height * _FINE), Image.Resampling.BILINEAR)
    if rotation:
        large = large.rotate(rotation, resample=Image.Resampling.BICUBIC, expand=True)
    if mirrored:
        large = large.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if perspective != (0.0, 0.0):
        matrix = _coefficients(large.size, *perspective)
        large = large.transform(
            large.size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BILINEAR
        )
    return large.reduce(_FINE)


def _padded(mask: Image.Image, pad: int) -> Image.Image:
    larger = Image.new("L", (mask.width + 2 * pad, mask.height + 2 * pad))
    larger.paste(mask, (pad, pad))
    return larger


def _from_afar(mask: Image.Image, downscale: float) -> Image.Image:
    small = (max(1, round(mask.width * downscale)), max(1, round(mask.height * downscale)))
    return mask.resize(small, Image.Resampling.BOX).resize(mask.size, Image.Resampling.BILINEAR)


def _coefficients(size: tuple[int, int], yaw: float, pitch: float) -> tuple[float, ...]:
    """Pillow's eight numbers: output pixel to input pixel, the tilted label filling its frame."""
    w, h = size
    corners = np.array([(-w, -h), (w, -h), (w, h), (-w, h)], float) / 2
    a, b = math.radians(yaw), math.radians(pitch)
    x, y = corners[:, 0] * math.cos(a), corners[:, 1] * math.cos(b)
    depth = corners[:, 0] * math.sin(a) - corners[:, 1] * math.sin(b)
    eye = EYE * math.hypot(w, h) / 2
    projected = np.stack([x, y], axis=1) * (eye / (eye + depth))[:, None]  # (4, 2)
    # Only as large as the frame, and never enlarged: a tilted label must not grow.
    low, high = projected.min(axis=0), projected.max(axis=0)
    scale = min(1.0, w / (high[0] - low[0]), h / (high[1] - low[1]))
    projected = (projected - (low + high) / 2) * scale + np.array([w, h]) / 2
    destination = corners + np.array([w, h]) / 2
    rows, values = [], []
    for (u, v), (s, t) in zip(projected, destination, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -s * u, -s * v], [0, 0, 0, u, v, 1, -t * u, -t * v]]
        values += [s, t]
    solution = np.linalg.solve(np.array(rows), np.array(values))
    return tuple(float(f"{number:.10g}") for number in solution)
