"""Listing folders and reading small text files of data sets, with their limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from clipprobe.data import Failure, ImageRecord
from clipprobe.data.archives import zip_names
from clipprobe.data.records import Unreadable
from clipprobe.data.sources import open_dataset
from clipprobe.data.suffixes import IMAGE_SUFFIXES, TABLE_SUFFIXES
from clipprobe.errors import DataError
from clipprobe.lines import read_text

#: Files that belong to a data set and are not images.
_COMPANIONS = frozenset({".json", ".jsonl", ".txt", ".md", ".csv", ".yaml", ".yml", ".parquet"})


def is_zip(path: Path) -> bool:
    """Whether it is a file that is called a zip archive."""
    return path.suffix.lower() == ".zip" and path.is_file()


def image_files(folder: Path) -> tuple[list[ImageRecord], list[Failure]]:
    """Every visible image file below a folder, or in a zip of it, by id; and the other files.

    Text files that come with a data set (README, annotations, licence) are in neither list.

    Raises:
        DataError: it is neither.
    """
    if not (folder.is_dir() or is_zip(folder)):
        raise DataError(
            f"{str(folder)!r} is not a folder: give the folder, or a .zip of it, that holds the "
            "images."
        )
    images: list[ImageRecord] = []
    others: list[Failure] = []
    for record in _records(folder):
        name = PurePosixPath(record.id)
        if isinstance(record.source, Unreadable):
            others.append(Failure(record.id, record.source.reason))
        elif name.suffix.lower() in IMAGE_SUFFIXES:
            images.append(record)
        elif name.suffix.lower() not in _COMPANIONS and name.stem.upper() != "LICENSE":
            others.append(Failure(record.id, "it is not an image file"))
    return images, others


def _records(folder: Path) -> Iterator[ImageRecord]:
    # A metadata table of the folder must not decide which files are there: list them one by one.
    if any((folder / f"metadata{suffix}").is_file() for suffix in TABLE_SUFFIXES):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            relative = path.relative_to(folder)
            if not any(part.startswith(".") for part in relative.parts):
                yield ImageRecord(id=relative.as_posix(), source=path)
        return
    yield from open_dataset(folder).records


def names_of(path: Path, most: int = 50_000) -> list[str]:
    """Names of the image files right inside a folder, sorted; for recognising a layout.

    Of a zip archive those of its one folder, or of its top.
    """
    if is_zip(path):
        names = zip_names(path)[0] if len(zip_names(path)[0]) < most else []
        folders = {PurePosixPath(name).parent for name in names}
        inside = [one for one in map(PurePosixPath, names) if one.suffix.lower() in IMAGE_SUFFIXES]
        return sorted(one.name for one in inside) if len(folders) == 1 else []
    if not path.is_dir():
        return []
    entries = list(islice(path.iterdir(), most + 1))
    images = [one for one in entries if one.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(one.name for one in images if one.name[0] != ".") if len(entries) <= most else []


def read_json(path: Path, what: str) -> Any:
    """A JSON file.

    Raises:
        DataError: as :func:`read_text`, or it is not JSON.
    """
    try:
        return json.loads(read_text(path, what))
    except ValueError as error:
        raise DataError(f"The {what} {path} is not valid JSON ({error}).") from None
    except RecursionError:
        raise DataError(f"The {what} {path} is nested too deeply to be read.") from None
