"""Whatever images a caller has: one as an RGB image, many as a data set in a stable order."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from clipprobe.data.choice import Choice
from clipprobe.data.decode import decode_image, to_rgb
from clipprobe.data.records import Dataset, ImageRecord, make_dataset
from clipprobe.data.sources import open_dataset
from clipprobe.errors import ConfigError, DataError, UnreadableImageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InMemory:
    """An image that has no file; read as a PNG of the same pixels."""

    picture: Image.Image

    def read(self) -> bytes:
        """Encoded losslessly."""
        buffer = io.BytesIO()
        self.picture.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def as_dataset(
    images: Dataset | str | Path | Iterable[Any], *, limit: int | None = None, **choice: Any
) -> Dataset:
    """A data set of the images.

    Args:
        images: A data set; the path of one (folder, table, archive); or an iterable of records,
            paths, Pillow images and uint8 arrays ``(h, w, 3)``. Members of an iterable that are
            not records get ids from their place in it, ``000017`` or ``000017-name.png``.
        limit: Use at most N, sampled by the hash of their ids.
        choice: Labels and a sample; see :class:`~clipprobe.data.choice.Choice`.
    """
    if isinstance(images, str | Path):
        return open_dataset(images, limit=limit, **choice)
    if isinstance(images, Dataset):
        ids = [record.id for record in images.records]
        selection = Choice(limit=limit or None, **choice)
        return images if not selection and ids == sorted(ids) else selection.of(images)
    records = [_record(place, image) for place, image in enumerate(check_images(images))]
    return Choice(limit=limit, **choice).of(make_dataset("images", records, None))


def _record(place: int, image: Any) -> ImageRecord:
    if isinstance(image, ImageRecord):
        return image
    if isinstance(image, str | Path):
        return ImageRecord(f"{place:06d}-{Path(image).name}", Path(image))
    if isinstance(image, Image.Image):
        return ImageRecord(f"{place:06d}", InMemory(to_rgb(image)))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        return ImageRecord(f"{place:06d}", InMemory(Image.fromarray(image).convert("RGB")))
    raise DataError(
        f"An image must be a path, a Pillow image, a uint8 array (h, w, 3) or an ImageRecord, item "
        f"{place} is a {type(image).__name__}."
    )


def as_pil(item: object) -> Image.Image:
    """One image in any accepted form, as an RGB Pillow image.

    Args:
        item: A path, a Pillow image of any mode, a uint8 array ``(h, w, 3)``, or an object with
            a ``source`` (an ``ImageRecord``).
    Raises:
        DataError: another type, or an array of another shape or dtype.
        UnreadableImageError: a file that cannot be decoded.
    """
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


def check_batch_size(batch_size: int) -> None:
    """Raises ConfigError unless it is a positive integer."""
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, {batch_size} was given.")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
