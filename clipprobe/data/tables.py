"""Metadata tables: ``file_name``, an optional ``label``, and attributes, one row per image."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from clipprobe.data.parquet import parquet_rows
from clipprobe.data.records import ImageRecord, Source
from clipprobe.errors import DataError, NoReadableImagesError

FILE_NAME = "file_name"
LABEL = "label"
TEXT_TABLES = (".csv", ".tsv", ".jsonl")


def read_table(
    path: Path, *, root: str | Path | None = None, id_column: str | None = None
) -> list[ImageRecord]:
    """The records of a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` table.

    ``file_name`` is relative to the folder of the table; ``label`` is the class; every other column
    becomes an attribute, as text, where a row has a value. A file that is missing is found out
    when it is decoded, and counted there.

    Args:
        root: The folder that the names are relative to, where it is not that of the table.
        id_column: The column with the names, where it is not ``file_name``.
    Raises:
        DataError: the table cannot be read, lacks ``file_name``, or names a file outside
            its folder.
        NoReadableImagesError: it has no row.
    """
    folder = path.parent if root is None else Path(root)
    rows = enumerate(read_rows(path), start=1)
    records = [_record(path, number, row, folder, id_column or FILE_NAME) for number, row in rows]
    if not records:
        raise NoReadableImagesError(
            f"The table {path.name} has no row: give one for each image, its file in {FILE_NAME!r}."
        )
    return records


def read_rows(path: Path, *, plain: bool = False) -> Iterator[Mapping[str, Any]]:
    """The rows of a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` table, each a mapping.

    Args:
        plain: Leave out the columns of a Parquet file that hold images or nested values.
    Raises:
        DataError: the table cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in (*TEXT_TABLES, ".parquet"):
        raise _unreadable(path, f"the ending {path.suffix!r} is not known")
    try:
        if suffix == ".parquet":
            yield from parquet_rows(path, plain=plain)
            return
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield from _text_rows(path, handle)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8") from None
    except (csv.Error, ValueError) as error:  # json's errors are ValueErrors
        raise _unreadable(path, " ".join(str(error).split())) from None


def table_in_archive(
    path: Path, text: str, source: Callable[[str], Source]
) -> Iterator[ImageRecord]:
    """The records of a text table inside an archive, as :func:`read_table` of a file.

    Args:
        path: Of the archive and the table in it; for messages and the kind of table.
        source: From a name in the table to where the bytes are.
    Raises:
        DataError: see :func:`read_table`.
    """
    try:
        for number, row in enumerate(_text_rows(path, io.StringIO(text, newline="")), start=1):
            pure, others = _named(path, number, row, path.parent, FILE_NAME)
            yield record_of(pure.as_posix(), source(pure.as_posix()), others)
    except csv.Error as error:
        raise _unreadable(path, " ".join(str(error).split())) from None


def _record(
    path: Path, number: int, row: Mapping[str, Any], folder: Path, column: str
) -> ImageRecord:
    pure, others = _named(path, number, row, folder, column)
    return record_of(pure.as_posix(), folder.joinpath(*pure.parts), others)


def _named(
    path: Path, number: int, row: Mapping[str, Any], folder: Path, column: str
) -> tuple[PurePosixPath, dict[str, Any]]:
    """The file that a row names, and its other cells."""
    if column not in row:
        columns = ", ".join(sorted(map(str, row))) or "none"
        raise DataError(
            f"Row {number} of the table {path} has no column {column!r} (it has: {columns}): "
            f"name the image files in {FILE_NAME!r}, or name their column with --id-column."
        )
    name = cell_text(row[column])
    if name is None:
        raise DataError(
            f"Row {number} of the table {path} has an empty {column!r}: fill it or remove the row."
        )
    pure = inside(name)
    if pure is None:
        whose = "the table's folder" if folder == path.parent else str(folder)
        raise DataError(
            f"Row {number} of the table {path} names the file {name!r}, which is outside "
            f"{whose}: give names relative to it, or the folder that they are relative to with "
            "--image-root."
        )
    return pure, {key: value for key, value in row.items() if key not in (column, None)}


def record_of(record_id: str, source: Source, cells: Mapping[str, Any]) -> ImageRecord:
    """A record with what a row says of it: its label, and every other cell that holds something."""
    texts = {str(key): text for key, cell in cells.items() if (text := cell_text(cell)) is not None}
    return ImageRecord(record_id, source, label=texts.pop(LABEL, None), attributes=texts)


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


def _text_rows(path: Path, lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of a text table of the kind that its name says."""
    if path.suffix.lower() == ".jsonl":
        return _jsonl_rows(path, lines)
    return _csv_rows(path, lines, "\t" if path.suffix.lower() == ".tsv" else ",")


def _csv_rows(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[Mapping[str, Any]]:
    reader = csv.DictReader(lines, strict=True, delimiter=delimiter)
    names = [name for name in reader.fieldnames or () if name]
    only = names[0] if len(names) == 1 else ""
    other = next((one for one in ";\t," if one in only and one != delimiter), None)
    if other:
        raise DataError(
            f"The table {path} cannot be read as it is, because its columns are separated by "
            f"{other!r}: separate them by commas in a .csv, by tabs in a .tsv."
        )
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


def _jsonl_rows(path: Path, lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise DataError(
                f"Line {number} of the table {path} is not a JSON object: write one object per "
                "line."
            )
        yield row


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"The table {path} could not be read ({reason}): give a UTF-8 .csv, .tsv or .jsonl, "
        "or a .parquet file."
    )
