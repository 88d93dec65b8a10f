"""What every source of images becomes: records, with an id that is the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from clipprobe.errors import DataError, NoReadableImagesError, UnreadableImageError
from clipprobe.origin import Origin

# A larger file is not an image that anybody decodes; reading it would only fill the memory.
MAX_FILE_BYTES = 1 << 30


@runtime_checkable
class Readable(Protocol):
    """A source that is neither a path nor bytes, for example a member of an archive."""

    def read(self) -> bytes:
        """The encoded image; :class:`~clipprobe.errors.UnreadableImageError` if there is none."""


@dataclass(frozen=True, slots=True)
class MemberRef:
    """A regular file inside an uncompressed tar archive, read in place.

    Attributes:
        archive: The tar file.
        name: The member's name.
        offset: Where its bytes start in the archive.
        size: How many they are.
    """

    archive: Path
    name: str
    offset: int
    size: int

    def read(self) -> bytes:
        """The member's bytes."""
        if self.size > MAX_FILE_BYTES:
            raise UnreadableImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
        try:
            with self.archive.open("rb") as handle:
                handle.seek(self.offset)
                data = handle.read(self.size)
        except OSError as error:
            raise UnreadableImageError(error.strerror or type(error).__name__) from None
        if len(data) < self.size:
            raise UnreadableImageError("the archive ends inside this member")
        return data


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something known to be unreadable before decoding; it is counted like any other failure."""

    reason: str

    def read(self) -> bytes:
        """Raises the reason."""
        raise UnreadableImageError(self.reason)


Source = Path | bytes | Readable


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of a data set.

    Attributes:
        id: Relative posix path (or member name): unique in its data set, stable across machines.
        source: Where its bytes are.
        label: Its class, where the data set says one.
        attributes: Whatever else the data set says about it, as text.
    """

    id: str
    source: Source
    label: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be used, and why; goes into the manifest."""

    id: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """``{"id", "reason"}``."""
        return {"id": self.id, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Images, or rows of a table, that take no part in a data set; ``reason``: why."""

    reason: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        some = ", ".join(map(repr, self.ids[:3]))
        more = f" and {len(self.ids) - 3:,} more" if len(self.ids) > 3 else ""
        return f"{len(self.ids):,} ({self.reason}): {some}{more}"

    def to_json(self) -> dict[str, Any]:
        """The reason, how many there are, and the first few by name."""
        return {"reason": self.reason, "n": len(self.ids), "examples": list(self.ids[:5])}


@dataclass(frozen=True)
class Dataset:
    """Records in order of their ids.

    Attributes:
        name: What the user called it: the last part of the path, or the hub id.
        records: Sorted by id.
        origin: What opens it again; None for images in memory.
        left_out: What was named beside them and cannot be used.
    """

    name: str
    records: tuple[ImageRecord, ...]
    origin: Origin | None = field(default=None, compare=False)
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[ImageRecord]:
        return iter(self.records)

    @cached_property
    def contents(self) -> tuple[str, ...]:
        """sha256 of the bytes of every image, in order; of an unreadable one the reason.

        Reads all files once, four at a time.
        """
        digests: list[str] = []
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="clipprobe-hash") as pool:
            # In slices: whoever interrupts waits for one of them, not for the whole data set.
            for start in range(0, len(self.records), 256):
                digests += pool.map(_content_digest, self.records[start : start + 256])
        return tuple(digests)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over every id, label, attribute and the bytes of every image."""
        digest = hashlib.sha256()
        for record, content in zip(self.records, self.contents, strict=True):
            fields = [record.id, record.label, *sorted(record.attributes.items()), content]
            digest.update(repr(fields).encode("utf-8", "backslashreplace"))
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """What a manifest says about the data set: name, fingerprint, number of records.

        Where something was left out, also what: see :meth:`LeftOut.to_json`.
        """
        described: dict[str, Any] = {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "records": len(self.records),
        }
        if self.left_out:
            described["left_out"] = [one.to_json() for one in self.left_out]
        return described


def make_dataset(name: str, records: Sequence[ImageRecord], limit: int | None) -> Dataset:
    """Sort, refuse duplicate ids, and keep ``limit`` of the records.

    The subset is drawn by the hash of the ids, so that it is the same everywhere and does not hold
    the first class only.

    Raises:
        DataError: two records have one id.
        NoReadableImagesError: there is no record at all.
    """
    if not records:
        raise NoReadableImagesError(
            f"The data set {name!r} holds no file that could be an image: give a folder of images, "
            "a metadata table or a WebDataset archive."
        )
    ordered = sorted(records, key=lambda record: record.id)
    for before, after in pairwise(ordered):
        if before.id == after.id:
            raise DataError(
                f"The data set {name!r} lists {after.id!r} twice: keep one entry per image."
            )
    if limit is not None and limit < len(ordered):
        sample = sorted(ordered, key=lambda record: _id_hash(record.id))[:limit]
        ordered = sorted(sample, key=lambda record: record.id)
    return Dataset(name=name, records=tuple(ordered))


def require_readable(n_used: int, failures: Sequence[Failure], name: str) -> None:
    """Raise when nothing of a data set could be read.

    Raises:
        NoReadableImagesError: ``n_used`` is 0; names the first failures and their reasons.
    """
    if n_used:
        return
    reasons = "; ".join(f"{failure.id!r}: {failure.reason}" for failure in failures[:3])
    absent = bool(failures) and all(failure.reason == "no such file" for failure in failures)
    raise NoReadableImagesError(
        f"None of the {len(failures)} files of {name!r} could be read as an image ({reasons}): "
        + (
            "a table's names are relative to its folder, or to that of --image-root."
            if absent
            else "give images such as JPEG, PNG or WebP."
        )
    )


def _id_hash(record_id: str) -> bytes:
    return hashlib.sha256(record_id.encode("utf-8", "backslashreplace")).digest()


def _content_digest(record: ImageRecord) -> str:
    source = record.source
    try:
        if isinstance(source, Path):
            if not source.is_file():
                return "unreadable: no such file"
            with source.open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()
        data = source if isinstance(source, bytes) else source.read()
    except UnreadableImageError as error:
        return f"unreadable: {error}"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return hashlib.sha256(data).hexdigest()
