"""Any table of a user as columns of text, with Hugging Face's integer classes turned into names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipprobe.data.tables import cell_text, class_name, class_names, read_rows
from clipprobe.errors import DataError

ID_COLUMNS = ("id", "file_name", "file", "filename", "image_id", "image", "path", "IDX")
Column = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table as text.

    ``path``: the file. ``columns``: name -> one text (None: empty) a row. ``sha256``: of the file.
    """

    path: Path
    columns: Mapping[str, Column]
    sha256: str

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def ids(self, column: str | None = None) -> tuple[str, tuple[str, ...]]:
        """The name of the id column and the ids.

        Raises:
            DataError: there is no id column, an id is empty, or one stands there twice.
        """
        name = column or next((name for name in ID_COLUMNS if name in self.columns), None)
        if name is None or name not in self.columns:
            lack = f"has no id column {name!r}" if name else f"has none of {', '.join(ID_COLUMNS)}"
            raise DataError(
                f"The table {self.path} {lack} (it has: {', '.join(self.columns) or 'nothing'}): "
                "name the column that identifies each image with --id-column."
            )
        ids = []
        for number, value in enumerate(self.columns[name], start=1):
            if value is None or not value.strip():
                raise DataError(
                    f"Row {number} of the table {self.path} has an empty {name!r}: fill it or "
                    "remove the row."
                )
            ids.append(value.strip())
        refuse_twice(ids, f"The table {self.path}")
        return name, tuple(ids)


def read_text_table(path: str | Path) -> TextTable:
    """Read a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` table.

    Columns that hold images or nested values are left out. In a Parquet file written by Hugging
    Face ``datasets`` integer classes become their names, which the file's metadata hold.

    Raises:
        DataError: the file is absent, cannot be read, has no row, or holds an integer for which
            its metadata have no name.
    """
    file = Path(path)
    if not file.is_file():
        raise DataError(f"There is no table {file}: give a .csv, .tsv, .jsonl or .parquet file.")
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    parquet = file.suffix.lower() == ".parquet"
    columns = _parquet(file) if parquet else _columns(list(read_rows(file)))
    table = TextTable(path=file, columns=columns, sha256=digest)
    if not len(table):
        raise DataError(f"The table {file} has no row: give one row per image.")
    return table


def refuse_twice(ids: Sequence[str], where: str) -> None:
    """Raises:
    DataError: an id stands there twice; it and the number of such ids are named.
    """
    known: set[str] = set()
    twice: dict[str, None] = {}
    for one in ids:
        if one in known:
            twice.setdefault(one)
        known.add(one)
    if twice:
        raise DataError(
            f"{where} names {len(twice)} id(s) more than once (the first is {next(iter(twice))!r})"
            ": keep one row per image."
        )


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    return {name: tuple(cell_text(row.get(name)) for row in rows) for name in names}


def _parquet(path: Path) -> dict[str, Column]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        # An image column is a struct of bytes: reading it would fill the memory for nothing.
        plain = [
            field.name
            for field in schema
            if not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
        ]
        table = file.read(columns=plain)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The table {path} could not be read ({' '.join(str(error).split())}): give a Parquet "
            "file."
        ) from None
    classes = dict(class_names(schema.metadata or {}))
    return {
        name: tuple(
            cell_text(class_name(path, name, number, value, classes.get(name)))
            for number, value in enumerate(table.column(name).to_pylist(), start=1)
        )
        for name in table.column_names
    }
