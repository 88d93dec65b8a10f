"""Any table of a user as columns of text, with Hugging Face's integer classes turned into names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipprobe.data.tables import cell_text, read_rows
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
    columns = _columns(read_rows(file, plain=True))
    table = TextTable(path=file, columns=columns, sha256=digest)
    if not len(table):
        raise DataError(f"The table {file} has no row: give one row per image.")
    return table


def refuse_twice(ids: Sequence[str], where: str) -> None:
    """Raises:
    DataError: an id stands there twice; it and the number of such ids are named.
    """
    twice = [one for one, n in Counter(ids).items() if n > 1]
    if twice:
        raise DataError(
            f"{where} names {len(twice)} id(s) more than once (the first is {twice[0]!r}): keep "
            "one row per image."
        )


def _columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    columns: dict[str, list[str | None]] = {}
    n = 0
    for n, row in enumerate(rows, start=1):
        for key, value in row.items():
            column = columns.setdefault(str(key), [])
            column += [None] * (n - 1 - len(column)) + [cell_text(value)]
    return {name: (*column, *[None] * (n - len(column))) for name, column in columns.items()}
