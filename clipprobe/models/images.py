"""Images in every form that a user has them, as RGB pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from clipprobe.errors import DataError, UnreadableImageError

T = TypeVar("T")


def as_pil(item: object) -> Image.Image:
    """One image in any accepted form, as an RGB Pillow image.

    Args:
        item: A path, a Pillow image of any mode, a uint8 array ``(h, w, 3)``, or an object with
            a ``source`` (an ``ImageRecord``).
    Raises:
        DataError: another type, or an array of another shape or dtype.
        UnreadableImageError: a file that cannot be decoded.
    """
    from clipprobe.data.decode import decode_image, to_rgb

    if isinstance(item, Image.Image):
        return to_rgb(item)
    if isinstance(item, np.ndarray):
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3 or item.size == 0:
            raise DataError(
                f"An image array must be uint8 of shape (height, width, 3), this one is "
                f"{item.dtype} of shape {item.shape}: convert it first."
            )
        return Image.fromarray(item)
    if not (isinstance(item, str | Path) or hasattr(item, "source")):
        raise DataError(
            "An image must be a path, a Pillow image, a uint8 array or an ImageRecord, "
            f"this one is a {type(item).__name__}."
        )
    source: Any = getattr(item, "source", item)
    try:
        return decode_image(source)
    except UnreadableImageError as error:
        name = getattr(item, "id", item)
        raise UnreadableImageError(f"The image {str(name)!r} cannot be read: {error}.") from error


def check_images(images: Iterable[object]) -> Iterable[object]:
    """The images unless a single one was given, which would be iterated piece by piece."""
    single = isinstance(images, str | bytes) or not isinstance(images, Iterable)
    if single or (isinstance(images, np.ndarray) and images.ndim == 3):
        raise DataError(
            f"A list of images was expected and a single {type(images).__name__} was given: "
            "put it in a list."
        )
    return images


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
