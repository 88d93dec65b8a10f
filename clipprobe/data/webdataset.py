"""WebDataset archives: ``key.jpg`` beside ``key.json``, ``key.txt`` and ``key.cls``.

Nothing is extracted: an image is read at its place in the archive, when it is decoded. A member's
name is only ever a name, so ``../../etc/passwd`` in an archive leads nowhere.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from clipprobe.data.records import ImageRecord, MemberRef, Source, Unreadable
from clipprobe.data.suffixes import IMAGE_SUFFIXES
from clipprobe.data.tables import LABEL, cell_text
from clipprobe.errors import DataError

_MAX_SIDECAR = 1 << 20  # bytes; a label or a caption is no longer


@dataclass
class _Sample:
    images: dict[str, Source] = field(default_factory=dict)
    label: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def read_archive(path: Path, *, prefix: str = "") -> list[ImageRecord]:
    """The records of one uncompressed tar archive.

    The key is a member's path up to the first dot of its last part. ``.cls`` and the ``label`` of a
    ``.json`` object become the label (``.cls`` wins), its other values and the ``.txt`` caption
    (as ``text``) attributes. A sidecar that cannot be read becomes a failure of its own, and so
    does the point at which a damaged archive ends: what came before it is used.

    Args:
        path: The archive.
        prefix: Put before every id, to tell the archives of one data set apart.

    Raises:
        DataError: no tar archive, or a compressed one.
    """
    samples: dict[str, _Sample] = {}
    broken: dict[str, Source] = {}
    try:
        with tarfile.open(path, mode="r:") as archive:
            for member in _members(archive, broken):
                _add(archive, path, member, samples, broken)
    except (tarfile.TarError, OSError) as error:
        reason = getattr(error, "strerror", None) or "not an uncompressed tar archive"
        raise DataError(
            f"The archive {path} could not be read ({reason}): give a WebDataset .tar, not "
            "compressed."
        ) from None
    records = [
        ImageRecord(
            id=prefix + name, source=source, label=sample.label, attributes=sample.attributes
        )
        for sample in samples.values()
        for name, source in sample.images.items()
    ]
    failed = [ImageRecord(id=prefix + name, source=source) for name, source in broken.items()]
    return records + failed


def _members(archive: tarfile.TarFile, broken: dict[str, Source]) -> Iterator[tarfile.TarInfo]:
    while True:
        try:
            member = archive.next()
        except tarfile.TarError:
            broken[f"(end of archive at byte {archive.offset})"] = Unreadable(
                "the archive is damaged from here on"
            )
            return
        if member is None:
            return
        archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header it has seen
        yield member


def _add(
    archive: tarfile.TarFile,
    path: Path,
    member: tarfile.TarInfo,
    samples: dict[str, _Sample],
    broken: dict[str, Source],
) -> None:
    name = PurePosixPath(member.name)
    stem, dot, extension = name.name.partition(".")
    if member.isdir() or not stem or not dot:  # hidden files have no stem
        return
    extension = extension.lower()
    suffix = "." + extension.rsplit(".", 1)[-1]
    if suffix not in IMAGE_SUFFIXES and extension not in ("json", "txt", "cls"):
        return
    sample = samples.setdefault((name.parent / stem).as_posix(), _Sample())
    if suffix in IMAGE_SUFFIXES:
        # Links and sparse files have no bytes of their own at their place in the archive.
        plain = member.isreg() and not member.issparse()
        sample.images[name.as_posix()] = (
            MemberRef(path, member.name, member.offset_data, member.size)
            if plain
            else Unreadable("a link or a special file in the archive")
        )
        return
    try:
        _add_sidecar(sample, extension, _sidecar(archive, member))
    except ValueError as error:  # UnicodeDecodeError and JSON errors are ValueErrors
        broken[name.as_posix()] = Unreadable(f"its {extension} could not be read: {error}")


def _sidecar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if not member.isreg() or member.size > _MAX_SIDECAR:
        raise ValueError(f"not a file of at most {_MAX_SIDECAR} bytes")
    handle = archive.extractfile(member)
    data = handle.read() if handle else b""
    return data.decode("utf-8").strip()


def _add_sidecar(sample: _Sample, extension: str, text: str) -> None:
    if extension == "cls":
        sample.label = text
    elif extension == "txt":
        sample.attributes["text"] = text
    else:
        values: Any = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("not a JSON object")
        for key, value in values.items():
            cell = cell_text(value)
            if cell is None:
                continue
            if key != LABEL:
                sample.attributes[str(key)] = cell
            elif sample.label is None:
                sample.label = cell
