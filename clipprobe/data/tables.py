"""Metadata tables: ``file_name``, an optional ``label``, and attributes, one row an image."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from clipprobe.data.records import ImageRecord
from clipprobe.errors import DataError, NoReadableImagesError

FILE_NAME = "file_name"
LABEL = "label"


def read_table(path: Path) -> list[ImageRecord]:
    """The records of a ``.csv``, ``.jsonl`` or ``.parquet`` table.

    ``file_name`` is relative to the folder of the table; ``label`` is the class; every other column
    becomes an attribute, as text, where a row has a value. A file that is missing is found out
    when it is decoded, and counted there.

    Raises:
        DataError: the table cannot be read, lacks ``file_name``, or names a file outside
            its folder.
        NoReadableImagesError: it has no row.
    """
    records = [_record(path, number, row) for number, row in enumerate(read_rows(path), start=1)]
    if not records:
        raise NoReadableImagesError(
            f"The table {path.name} has no row: give one for each image, its file in {FILE_NAME!r}."
        )
    return records


def read_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` table, each a mapping.

    Raises:
        DataError: the table cannot be read.
    """
    readers = {
        ".csv": _csv_rows,
        ".tsv": lambda path: _csv_rows(path, "\t"),
        ".jsonl": _jsonl_rows,
        ".parquet": _parquet_rows,
    }
    if path.suffix.lower() not in readers:
        raise _unreadable(path, f"the ending {path.suffix!r} is not known")
    try:
        yield from readers[path.suffix.lower()](path)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8") from None
    except (csv.Error, ValueError) as error:  # pyarrow's and json's errors are ValueErrors
        raise _unreadable(path, " ".join(str(error).split())) from None


def _record(path: Path, number: int, row: Mapping[str, Any]) -> ImageRecord:
    if FILE_NAME not in row:
        columns = ", ".join(sorted(map(str, row))) or "none"
        raise DataError(
            f"Row {number} of the table {path} has no column {FILE_NAME!r} (it has: {columns}): "
            f"name the image files in {FILE_NAME!r}."
        )
    name = cell_text(row[FILE_NAME])
    if name is None:
        raise DataError(
            f"Row {number} of the table {path} has an empty {FILE_NAME!r}: fill it or remove the "
            "row."
        )
    pure = inside(name)
    if pure is None:
        raise DataError(
            f"Row {number} of the table {path} names the file {name!r}, which is outside the "
            "table's folder: give names relative to it."
        )
    attributes = {
        str(key): text
        for key, value in row.items()
        if key not in (FILE_NAME, LABEL)
        and key is not None
        and (text := cell_text(value)) is not None
    }
    return ImageRecord(
        id=pure.as_posix(),
        source=path.parent.joinpath(*pure.parts),
        label=cell_text(row.get(LABEL)),
        attributes=attributes,
    )


def inside(name: str) -> PurePosixPath | None:
    """``name`` as a relative path that stays in its folder; ``None`` when it does not."""
    if "\0" in name:
        return None
    # A table made on Windows says class\img.png; a drive or a share is as absolute as a slash.
    windows = PureWindowsPath(name)
    pure = PurePosixPath(windows.as_posix())
    if windows.drive or windows.root or pure.is_absolute() or ".." in pure.parts or not pure.parts:
        return None
    return pure


def cell_text(value: Any) -> str | None:
    """A cell as text; ``None`` for nothing (null, NaN, an empty cell)."""
    if value is None or value == "":
        return None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if value.is_integer():  # a column of whole numbers with gaps arrives as floats
            return str(int(value))
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return str(value)


def _csv_rows(path: Path, delimiter: str = ",") -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle, strict=True, delimiter=delimiter)
        names = [name for name in reader.fieldnames or () if name]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"The table {path} has several columns {twice[0]!r}: rename or remove one, because "
                "only one of them could be read."
            )
        for number, row in enumerate(reader, start=1):
            if None in row:
                raise DataError(
                    f"Row {number} of the table {path} has more cells than the header: quote cells "
                    "that hold a comma."
                )
            yield row


def _jsonl_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise DataError(
                    f"Line {number} of the table {path} is no JSON object: write one object a line."
                )
            yield row


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    for batch in file.iter_batches():
        yield from batch.to_pylist()


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"The table {path} could not be read ({reason}): give a UTF-8 .csv, .tsv or .jsonl, "
        "or a .parquet file."
    )
