"""White bands above and below an image: text that hides nothing (Self-Generated attacks)."""

from __future__ import annotations

from PIL import Image

from attacks.typographic.attack.placement import band_px

WHITE = (255, 255, 255)


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
