"""How the inputs of an atlas are shown on a page: images as the model saw them, texts as text.

The frame on an image is the patch that gave the maximum. It marks where the activation was read,
which need not be where its cause lies: tokens of later blocks gather from the whole image. Below a
image its activation map can stand: the same on every patch, all maps of a row on one scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from clipprobe.errors import UnreadableImageError
from clipprobe.figures.attribution import overlay
from clipprobe.lines import count_words
from clipprobe.report import Block, ImageRows, Images, Paragraph, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clipprobe.hooks.units import Site
    from clipprobe.neurons.atlas.contents import AtlasContents
    from clipprobe.neurons.atlas.unit import Bin, Firing, Unit

COLUMNS = 8
SIDE = 96
_FRAME = (255, 90, 0)


def firings_block(
    atlas: AtlasContents,
    site: Site,
    firings: Sequence[Firing],
    *,
    side: int = SIDE,
    columns: int = COLUMNS,
    maps: Mapping[int, NDArray[np.float32]] | None = None,
) -> Block:
    """A row of images with values, or a table of texts.

    Args:
        maps: The activation on the places of an image, by its number; drawn below the image.
    """
    if atlas.tower == "vision":
        maps = maps or {}
        reach = map_reach(maps)
        images = [firing_image(atlas, site, one, side) for one in firings]
        items = [
            (with_map(image, maps.get(one.image), reach), caption(one))
            for image, one in zip(images, firings, strict=True)
        ]
        return Images(items, columns=columns, exact=False)
    placed = any(one.token is not None for one in firings)
    return Table(
        ["text", "activation", *(["token that fired"] if placed else [])],
        [[one.id, one.value, *([token_words(one)] if placed else [])] for one in firings],
        f"{len(firings)} texts in order of activation.",
    )


def range_block(atlas: AtlasContents, site: Site, bins: Sequence[Bin], *, side: int = 72) -> Block:
    """The stretches of a unit's range from the strongest down, each with what stands for it."""
    filled = [one for one in bins[::-1] if one.firings]
    if not filled:
        return Paragraph("No samples were kept (--per-bin 0).")
    total = sum(one.n_images for one in bins)
    if atlas.tower == "vision":
        return ImageRows(
            [
                (
                    range_words(one),
                    f"{count_words(one.n_images, 'image')}, {share_words(one.n_images, total)}",
                    [
                        (firing_image(atlas, site, firing, side), caption(firing))
                        for firing in one.firings[::-1]
                    ],
                )
                for one in filled
            ]
        )
    return Table(
        ["activation", "texts", "for example"],
        [
            [range_words(one), one.n_images, " · ".join(f.id for f in one.firings[::-1])]
            for one in filled
        ],
        "Texts drawn evenly from each stretch of the range.",
    )


def firing_image(atlas: AtlasContents, site: Site, firing: Firing, side: int = SIDE) -> Image.Image:
    """What the model saw of an image, small, with the patch framed that gave the value.

    Where the image can no longer be read, its thumbnail; without one a crossed square.
    """
    try:
        image = model_view(atlas, atlas.picture(firing.image))
    except UnreadableImageError:
        stored = atlas.thumbnail(firing.image)
        if stored is None:
            return _crossed(side)
        image = stored
    if image.width != image.height:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return image
    image = image.resize((side, side), Image.Resampling.LANCZOS)
    if firing.place is None or site.grid is None:
        return image
    row, column = firing.place
    high, wide = image.height / site.grid[0], image.width / site.grid[1]
    box = (column * wide, row * high, (column + 1) * wide - 1, (row + 1) * high - 1)
    draw = ImageDraw.Draw(image)
    draw.rectangle(tuple(round(edge) for edge in box), outline=_FRAME, width=max(1, side // 48))
    return image


def map_reach(maps: Mapping[int, NDArray[np.float32]]) -> float:
    """The magnitude at which the colour of maps that stand together is full."""
    return max((float(np.abs(one).max()) for one in maps.values()), default=0.0)


def with_map(image: Image.Image, values: NDArray[np.float32] | None, reach: float) -> Image.Image:
    """An image, and below it the same in grey, tinted where the unit is active."""
    if values is None:
        return image
    both = Image.new("RGB", (image.width, 2 * image.height), "white")
    both.paste(image, (0, 0))
    both.paste(overlay(image, values, reach=reach), (0, image.height))
    return both


def _crossed(side: int) -> Image.Image:
    """What stands for an image that cannot be shown."""
    image = Image.new("RGB", (side, side), (225, 225, 225))
    draw = ImageDraw.Draw(image)
    draw.line((0, 0, side, side), (150, 150, 150), 2)
    draw.line((0, side, side, 0), (150, 150, 150), 2)
    return image


def model_view(atlas: AtlasContents, image: Image.Image) -> Image.Image:
    """The part of an image that reaches the model: all of it squeezed, or the centre."""
    view = atlas.config["view"]
    sites = atlas.sites.values()
    if not any(site.grid for site in sites) and any(site.layout != "vector" for site in sites):
        return image  # the grid follows the image's own shape
    if view["resize_to"] is None:
        side = min(image.size)
        return image.resize((side, side), Image.Resampling.BICUBIC)
    side = round(min(image.size) * min(1.0, view["size"] / view["resize_to"]))
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def caption(firing: Firing) -> str:
    """Value, label or id, and the token where the image cannot show it with a frame."""
    place = ""
    if firing.token is not None and firing.place is None:
        place = f" ({token_words(firing)})"
    return f"{_short(firing.value)} · {firing.label or firing.id}{place}"


def token_words(firing: Firing) -> str:
    """Where a value was taken."""
    if firing.token is None:
        return "–"
    if firing.piece is not None:
        return f"{firing.piece} (token {firing.token})"
    if firing.place is not None:
        return f"row {firing.place[0] + 1}, column {firing.place[1] + 1}"
    return "class token" if firing.token == 0 else f"token {firing.token}"


def sheet_name(address: str) -> str:
    """The file of a unit's sheet where many lie in one folder."""
    return f"{address.replace(':', '-')}.html"


def range_words(one: Bin) -> str:
    """A stretch of the range."""
    return f"{_short(one.low)} to {_short(one.high)}"


def share_words(n: int, total: int) -> str:
    """A share that is never rounded to nothing or to all."""
    share = n / total if total else 0.0
    return "<0.1 %" if 0 < share < 0.001 else f"{share:.1%}".replace("%", " %")


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def peak_text(value: float | None) -> str:
    """A peak on a terminal, in standard deviations; a unit that is always the same has none."""
    if value is None or math.isnan(value):
        return "undefined (constant)"
    return f"{value:.2f} σ"


def peak_words(unit: Unit) -> str:
    """How far the strongest lie above the mean."""
    return "undefined (constant)" if math.isnan(unit.peak) else f"{unit.peak:.1f} σ"
