"""Small copies of the images that an atlas shows, kept in it: ``thumbnails.parquet``.

One for each image that stands at an end or for a bin of any unit, as the model saw it, so that
pages are drawn without decoding photos, and still show images that were moved away. The choice of
images does not depend on shards; the bytes depend on the version of libwebp.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipprobe.data import ImageRecord, stream_batches
from clipprobe.neurons.atlas.statistics import ranking
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics
from clipprobe.neurons.atlas.statistics.samples import NO_SAMPLE

if TYPE_CHECKING:
    from clipprobe.models import Clip

FILE = "thumbnails.parquet"
SIDE = 192
MOST_IMAGES = 20_000
"""A scan of more images keeps none: about 5 KB each would make the atlas a copy of the data."""
_LOSSLESS = 128
_QUALITY = 82


def encoded(image: Image.Image, *, quality: int = _QUALITY) -> bytes:
    """An image as WEBP; small ones keep every pixel."""
    file = io.BytesIO()
    lossless = max(image.size) <= _LOSSLESS
    image.convert("RGB").save(file, "WEBP", quality=quality, lossless=lossless, method=2)
    return file.getvalue()


def thumbnail(clip: Clip, image: Image.Image) -> bytes:
    """What the model sees of an image, small."""
    view: Image.Image = clip.preprocess.to_grid(image)
    if max(view.size) > SIDE:
        view = view.copy()
        view.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return encoded(view)


def firing_numbers(statistics: Iterable[UnitStatistics]) -> NDArray[np.int64]:
    """The numbers of the images that stand at an end or for a bin of a unit, in order."""
    numbers: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for one in statistics:
        for end in (one.top, one.bottom):
            keys = np.unique(end.keys[end.keys != ranking.EMPTY])
            numbers.append(ranking.unpack(keys, largest=end.largest)[1])
        keys = one.ranges.samples.keys
        numbers.append(np.unique(keys[keys != NO_SAMPLE] & 0xFFFFFFFF))
        numbers = [np.unique(np.concatenate(numbers))]
    return numbers[0]


def make_thumbnails(
    clip: Clip, records: Mapping[int, ImageRecord], workers: int
) -> dict[int, bytes]:
    """Thumbnails of images by number; those that can no longer be read are left out."""
    numbers = {record.id: number for number, record in records.items()}
    batches = stream_batches(
        records.values(), lambda image: thumbnail(clip, image), workers=workers, allow_none=True
    )
    return {
        numbers[record.id]: data
        for batch in batches
        for record, data in zip(batch.records, batch.items, strict=True)
    }


def columns(thumbnails: Mapping[int, bytes]) -> dict[str, Any]:
    """The table, in order of number."""
    import pyarrow as pa

    numbers = sorted(thumbnails)
    return {
        "image": pa.array(numbers, pa.int64()),
        "webp": pa.array([thumbnails[number] for number in numbers], pa.binary()),
    }


class StoredThumbnails(Mapping[int, bytes]):
    """Those of a run, read when the first is wanted.

    Args:
        read: Gives the table.
    """

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read

    @cached_property
    def _images(self) -> dict[int, bytes]:
        columns = (self._read().column(name).to_pylist() for name in ("image", "webp"))
        return dict(zip(*columns, strict=True))

    def __getitem__(self, number: int) -> bytes:
        return self._images[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)


def among(
    parts: Sequence[Mapping[int, bytes]], statistics: Iterable[UnitStatistics]
) -> dict[int, bytes]:
    """Those of several atlases that stand for a unit of all of them together."""
    return {
        number: part[number]
        for number in firing_numbers(statistics).tolist()
        for part in parts
        if number in part
    }
