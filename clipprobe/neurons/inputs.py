"""Whatever images a caller has, as a data set whose order does not depend on how they came."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from clipprobe.data import Dataset, ImageRecord, open_dataset
from clipprobe.data.records import make_dataset
from clipprobe.errors import DataError


@dataclass(frozen=True, slots=True)
class InMemory:
    """A picture that has no file; read as a PNG of the same pixels."""

    picture: Image.Image

    def read(self) -> bytes:
        """Encoded losslessly."""
        buffer = io.BytesIO()
        self.picture.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def as_dataset(
    images: Dataset | str | Path | Iterable[Any], *, limit: int | None = None
) -> Dataset:
    """A data set of the images.

    Args:
        images: A data set; the path of one (folder, table, archive); or an iterable of records,
            paths, Pillow images and uint8 arrays ``(h, w, 3)``. Members of an iterable that are
            no records get ids from their place in it, ``000017`` or ``000017-name.png``.
        limit: Use only so many, drawn by the hash of their ids.
    """
    if isinstance(images, str | Path):
        return open_dataset(images, limit=limit)
    if isinstance(images, Dataset):
        return make_dataset(images.name, images.records, limit) if limit else images
    if isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim == 3):
        raise DataError(
            "A list of images was expected and a single one was given: put it in a list."
        )
    records = [_record(place, image) for place, image in enumerate(images)]
    return make_dataset("images", records, limit)


def _record(place: int, image: Any) -> ImageRecord:
    if isinstance(image, ImageRecord):
        return image
    if isinstance(image, str | Path):
        return ImageRecord(f"{place:06d}-{Path(image).name}", Path(image))
    if isinstance(image, Image.Image):
        from clipprobe.data import to_rgb

        return ImageRecord(f"{place:06d}", InMemory(to_rgb(image)))
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        return ImageRecord(f"{place:06d}", InMemory(Image.fromarray(image).convert("RGB")))
    raise DataError(
        f"An image must be a path, a Pillow image, a uint8 array (h, w, 3) or an ImageRecord, item "
        f"{place} is a {type(image).__name__}."
    )
