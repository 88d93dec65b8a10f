"""Maps drawn over the image that they belong to; plain arrays in, an image out.

Colours: orange raises, blue lowers (they stay apart for colour-blind readers); white is zero. The
scale runs symmetrically to the largest magnitude, which is written beside it, so a faint map is
never shown as a strong one without saying so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_UP, _DOWN = np.array([213, 94, 0], float), np.array([0, 90, 170], float)
_GAP, _BAR, _TEXT = 12, 12, 13
_SMALLEST = 224


def overlay(
    image: Image.Image,
    values: npt.ArrayLike,
    *,
    strength: float = 0.75,
    reach: float | None = None,
) -> Image.Image:
    """The image in grey, tinted by a map.

    Args:
        image: What the model sees; its size is kept.
        values: ``(h, w)`` map of any resolution; each cell covers its part of the image. Colour
            is full at the largest magnitude. A map of zeros leaves the image grey.
        strength: How much of the image full colour hides, 0 to 1.
        reach: The magnitude at which colour is full, for maps that share a scale; None for the
            largest of this one.
    """
    tint, weight = _tint(np.asarray(values, float), reach)
    size = image.size
    colour = np.asarray(_resized(Image.fromarray(tint), size), float)
    cover = np.asarray(_resized(Image.fromarray(weight), size), float)[..., None] / 255 * strength
    grey = np.asarray(image.convert("L").convert("RGB"), float) * 0.6 + 70
    return Image.fromarray(np.rint(grey * (1 - cover) + colour * cover).astype(np.uint8))


def map_image(values: npt.ArrayLike, size: tuple[int, int]) -> Image.Image:
    """The map alone, on white."""
    tint, weight = _tint(np.asarray(values, float))
    cover = weight[..., None].astype(float) / 255
    flat = np.rint(255 * (1 - cover) + tint * cover).astype(np.uint8)
    return _resized(Image.fromarray(flat), size)


def panel(
    image: Image.Image, patches: npt.ArrayLike, pixels: npt.ArrayLike | None = None
) -> Image.Image:
    """The image, the map over it, the map in pixels where there is one, and the scale.

    Args:
        image: What the model sees. Small ones are enlarged, their pixels kept.
        patches: ``(rows, columns)`` map on the patches.
        pixels: ``(h, w)`` map of the same in pixels.
    """
    image = _enlarged(image, _SMALLEST)
    parts = [(image, ""), (overlay(image, patches), _scale(patches))]
    if pixels is not None:
        parts.append((map_image(pixels, image.size), _scale(pixels)))
    width, height = image.size
    sheet = Image.new(
        "RGB", (len(parts) * (width + _GAP) + _GAP, height + 3 * _GAP + _BAR + _TEXT), "white"
    )
    for number, (part, scale) in enumerate(parts):
        left = _GAP + number * (width + _GAP)
        sheet.paste(part, (left, _GAP))
        if scale:
            _add_scale(sheet, scale, (left, height + 2 * _GAP), width, gap=2)
    return sheet


def side_by_side(
    image: Image.Image,
    maps: Sequence[tuple[str, npt.ArrayLike]],
    *,
    columns: int = 4,
    side: int = _SMALLEST,
) -> Image.Image:
    """The image, and one overlay per map with its title and its own scale.

    Args:
        image: What the model sees; enlarged to ``side`` at least, its pixels kept.
        maps: Title and ``(rows, columns)`` map of each.
        columns: Parts in a row, the image included.
        side: Smallest side of a part.
    """
    image = _enlarged(image, side)
    width, height = image.size
    parts = [("the image", image, "")]
    parts += [(title, overlay(image, values), _scale(values)) for title, values in maps]
    line = 2 * _TEXT
    cell = height + line + _GAP + _BAR + line
    n_rows = -(-len(parts) // columns)
    sheet = Image.new(
        "RGB", (min(columns, len(parts)) * (width + _GAP) + _GAP, n_rows * cell + _GAP), "white"
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT)
    for number, (title, part, scale) in enumerate(parts):
        left = _GAP + number % columns * (width + _GAP)
        top = number // columns * cell + _GAP
        draw.text((left, top), title, fill="black", font=font)
        sheet.paste(part, (left, top + line))
        if scale:
            _add_scale(sheet, scale, (left, top + line + height + _GAP // 2), width, gap=1)
    return sheet


def words_in_colour(
    words: Sequence[str], values: npt.ArrayLike, *, title: str, width: int
) -> Image.Image:
    """Words on the colours of their values, each with its number; lines break at ``width``."""
    numbers = np.asarray(values, float)
    tint, weight = _tint(numbers[:, None])
    font = ImageFont.load_default(_TEXT + 3)
    small = ImageFont.load_default(_TEXT - 2)
    sizes = [
        max(font.getlength(word), small.getlength(f"{value:+.3g}"))
        for word, value in zip(words, numbers, strict=True)
    ]
    places, left, line = [], float(_GAP), 0
    for size in sizes:
        if left > _GAP and left + size + _GAP > width:
            left, line = float(_GAP), line + 1
        places.append((left, line))
        left += size + 2 * _GAP
    high = 3 * _TEXT + _GAP
    top = 2 * _TEXT
    sheet = Image.new("RGB", (width, top + (line + 1) * high), "white")
    draw = ImageDraw.Draw(sheet)
    scale = f"{float(np.abs(numbers).max()):.3g}"
    small_title = f"{title}; full colour at {scale}"
    draw.text((_GAP, 2), small_title, fill="black", font=ImageFont.load_default(_TEXT))
    for word, value, size, (x, row), colour, cover in zip(
        words, numbers, sizes, places, tint[:, 0], weight[:, 0], strict=True
    ):
        y = top + row * high
        share = float(cover) / 255 * 0.75
        ground = tuple(round(255 * (1 - share) + float(c) * share) for c in colour)
        draw.rectangle((x - 4, y, x + size + 4, y + 2 * _TEXT - 4), fill=ground)
        draw.text((x, y + 1), word, fill="black", font=font)
        draw.text((x, y + 2 * _TEXT - 2), f"{value:+.3g}", fill="black", font=small)
    return sheet


def below(sheet: Image.Image, strip: Image.Image) -> Image.Image:
    """A strip under a sheet, on white."""
    whole = Image.new("RGB", (max(sheet.width, strip.width), sheet.height + strip.height), "white")
    whole.paste(sheet, (0, 0))
    whole.paste(strip, (0, sheet.height))
    return whole


def _tint(
    values: npt.NDArray[np.float64], reach: float | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Colour ``(h, w, 3)`` by sign and weight ``(h, w)`` by magnitude, 0 to 255."""
    top = float(np.abs(values).max()) if reach is None else reach
    weight = np.zeros_like(values) if top == 0 else np.minimum(np.abs(values) / top, 1.0)
    colour = np.where(values[..., None] >= 0, _UP, _DOWN)
    return colour.astype(np.uint8), np.rint(weight * 255).astype(np.uint8)


def _enlarged(image: Image.Image, side: int) -> Image.Image:
    """An image whose longer side is ``side`` at least, its pixels kept."""
    factor = max(1, -(-side // max(image.size)))
    return _resized(image.convert("RGB"), (image.width * factor, image.height * factor))


def _add_scale(
    sheet: Image.Image, reach: str, place: tuple[int, int], width: int, *, gap: int
) -> None:
    """All colours of a map in a bar, with the largest magnitude at its ends."""
    left, top = place
    sheet.paste(map_image(np.linspace(-1, 1, width)[None, :], (width, _BAR)), place)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT)
    for text, anchor, x in ((f"-{reach}", "la", 0), ("0", "ma", 0.5), (reach, "ra", 1)):
        at = (left + x * width, top + _BAR + gap)
        draw.text(at, text, fill="black", font=font, anchor=anchor)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.NEAREST)


def _scale(values: npt.ArrayLike) -> str:
    return f"{float(np.abs(np.asarray(values, float)).max()):.3g}"
