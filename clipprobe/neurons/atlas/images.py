"""The images of an atlas: their names and labels, whether they could be read, and where they are.

Numbers are positions in the whole data set in order of id, also in the atlas of one shard, so that
shards agree on them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipprobe.data import Failure, ImageRecord, MemberRef, decode_image
from clipprobe.errors import UnreadableImageError
from clipprobe.runs.view import CONFIG


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of the images.

    Attributes:
        names: In alphabetical order.
        of_row: ``(n,)`` int64 number of the label of each image, -1 without one.
        totals: ``(len(names),)`` int64 images that were used.
    """

    names: list[str]
    of_row: NDArray[np.int64]
    totals: NDArray[np.int64]


@dataclass(frozen=True)
class ImageTable:
    """One row per image, in order of number.

    Attributes:
        numbers: ``(n,)`` int64 positions in the data set.
        records: Id, label, attributes and source of each.
        reasons: Why an image could not be used; None where it was.
    """

    numbers: NDArray[np.int64]
    records: tuple[ImageRecord, ...]
    reasons: tuple[str | None, ...]

    @classmethod
    def of(
        cls, records: Sequence[ImageRecord], numbers: Sequence[int], failures: Sequence[Failure]
    ) -> ImageTable:
        """The table of these records, some of which failed."""
        reasons = {failure.id: failure.reason for failure in failures}
        return cls(
            np.array(numbers, np.int64),
            tuple(records),
            tuple(reasons.get(record.id) for record in records),
        )

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def n_used(self) -> int:
        """How many images the statistics are of."""
        return sum(reason is None for reason in self.reasons)

    @cached_property
    def labels(self) -> Labels:
        """The labels of the images."""
        names = sorted({record.label for record in self.records if record.label})
        number = {name: place for place, name in enumerate(names)}
        of_row = np.array([number.get(record.label or "", -1) for record in self.records], np.int64)
        used = np.array([not reason for reason in self.reasons], bool)
        totals = np.bincount(of_row[(of_row >= 0) & used], minlength=len(names))
        return Labels(names=names, of_row=of_row, totals=totals)

    def labels_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the label of each image number, of any shape; -1 without, and for -1."""
        rows = np.searchsorted(self.numbers, np.maximum(numbers, 0)).clip(max=len(self) - 1)
        return np.where(numbers >= 0, self.labels.of_row[rows], -1)

    @property
    def failures(self) -> list[Failure]:
        """The images that could not be used."""
        return [
            Failure(record.id, reason)
            for record, reason in zip(self.records, self.reasons, strict=True)
            if reason is not None
        ]

    def row(self, number: int) -> int:
        """The row of an image number.

        Raises:
            UnreadableImageError: no image of this atlas has it.
        """
        row = int(np.searchsorted(self.numbers, number))
        if row == len(self.numbers) or self.numbers[row] != number:
            raise UnreadableImageError(f"No image of this atlas has the number {number}.")
        return row

    def record(self, number: int) -> ImageRecord:
        """The image of that number."""
        return self.records[self.row(number)]

    def picture(self, number: int) -> Image.Image:
        """The decoded image.

        Raises:
            UnreadableImageError: it is no longer where the scan found it.
        """
        record = self.record(number)
        try:
            return decode_image(record)
        except UnreadableImageError as error:
            raise UnreadableImageError(
                f"The image {record.id!r} of this atlas cannot be shown ({error}): put the images "
                "back where they were scanned."
            ) from None

    def merge(self, other: ImageTable) -> ImageTable:
        """The rows of both, in order of number."""
        order = np.argsort(np.concatenate([self.numbers, other.numbers]))
        records = (*self.records, *other.records)
        reasons = (*self.reasons, *other.reasons)
        return ImageTable(
            np.concatenate([self.numbers, other.numbers])[order],
            tuple(records[i] for i in order),
            tuple(reasons[i] for i in order),
        )

    def columns(self) -> dict[str, Any]:
        """The table ``images.parquet``."""
        import pyarrow as pa

        attributes = [json.dumps(dict(one.attributes), sort_keys=True) for one in self.records]
        return {
            "image": pa.array(self.numbers),
            "id": self.id_column(),
            "label": pa.array([record.label for record in self.records], pa.string()),
            "attributes": pa.array(attributes, pa.string()),
            "failed": pa.array(self.reasons, pa.string()),
        }

    def id_column(self) -> Any:
        """The ids as a pyarrow array."""
        import pyarrow as pa

        return pa.array([_text(record.id) for record in self.records], pa.string())

    def sources(self, run: Path) -> Any:
        """The table ``sources.parquet``: where the images were, on the machine that scanned them.

        The only file of an atlas that names places on that machine. An image without a file
        (made in memory) has nulls, and cannot be shown later.

        Args:
            run: The folder of the atlas. Where it lies in the folder of another run, as that of a
                demo does, images of that folder are named from here, so that both can be moved.
        """
        import pyarrow as pa

        texts, numbers = ("path", "member"), ("offset", "size")
        types = {"image": pa.int64(), **dict.fromkeys(texts, pa.string())}
        types |= dict.fromkeys(numbers, pa.int64())
        rows = [
            {"image": number, **_source(record, run)}
            for number, record in zip(self.numbers.tolist(), self.records, strict=True)
        ]
        return pa.Table.from_pylist(rows, pa.schema(types))

    @classmethod
    def from_tables(cls, images: Any, sources: Any, run: Path) -> ImageTable:
        """Read ``images.parquet`` and ``sources.parquet`` (pyarrow tables) of a run back."""
        records = [
            ImageRecord(
                row["id"], _source_of(place, run), row["label"], json.loads(row["attributes"])
            )
            for row, place in zip(images.to_pylist(), sources.to_pylist(), strict=True)
        ]
        reasons = tuple(images.column("failed").to_pylist())
        return cls(images.column("image").to_numpy(), tuple(records), reasons)


@dataclass(frozen=True, slots=True)
class _Nowhere:
    """The source of an image that never had a file."""

    def read(self) -> bytes:
        raise UnreadableImageError("it was made in memory and not kept")


def _source(record: ImageRecord, run: Path) -> dict[str, Any]:
    source = record.source
    if isinstance(source, MemberRef):
        place = {"path": _place(source.archive, run), "member": _text(source.name)}
        return {**place, "offset": source.offset, "size": source.size}
    return {"path": _place(source, run)} if isinstance(source, Path) else {}


def _place(path: Path, run: Path) -> str:
    outer, path = run.absolute().parent, path.absolute()
    if (outer / CONFIG).is_file() and path.is_relative_to(outer):
        return _text((Path("..") / path.relative_to(outer)).as_posix())
    return _text(path)


def _source_of(place: dict[str, Any], run: Path) -> Any:
    if place["path"] is None:
        return _Nowhere()
    path = run / place["path"]  # an absolute path stays as it is
    if place["member"] is None:
        return path
    return MemberRef(path, place["member"], place["offset"], place["size"])


def _text(value: object) -> str:
    # A file name may hold bytes that are not UTF-8; Python carries them as lone surrogates.
    return str(value).encode("utf-8", "backslashreplace").decode()
