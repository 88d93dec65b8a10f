"""Any ``image,label,word`` table, and Self-Gen's ``image,word`` lists of words to be written.

In the table the word is on the image already; an empty word is a clean image, and an optional
column ``pair`` (or ``id``) says which images show one object. A Self-Gen list stands beside
clean images: the audit writes its words itself, with every control.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from attacks.typographic.datasets.layout import Layout, Picture, Reading, spaced
from clipprobe.data import Failure
from clipprobe.data.archives import ParquetCell, cells_of, image_column
from clipprobe.data.parquet import opened
from clipprobe.data.suffixes import IMAGE_SUFFIXES, TABLE_SUFFIXES
from clipprobe.data.tables import inside, read_rows
from clipprobe.errors import DataError
from clipprobe.lines import read_text
from clipprobe.zeroshot.classes import key

_NEEDED = ("image", "label", "word")
_NO_WORD = ("", "blank", "none")


def read_table(path: Path) -> Reading:
    """Rows of a table of any ending that is known, with the columns image, label and word."""
    pictures: list[Picture] = []
    skipped: list[Failure] = []
    visited: set[str] = set()
    for number, (row, cell) in enumerate(_rows(path), start=1):
        name = f"row {number}" if cell else str(row.get("image") or "").strip()
        relative = inside(name)
        label, word = (str(row.get(column) or "").strip() for column in ("label", "word"))
        if relative is None:
            reason = "it names no file" if not name else "its file name leads out of the folder"
            skipped.append(Failure(name or f"row {number}", reason))
            continue
        record_id = f"row-{number:07d}" if cell else relative.as_posix()
        source = cell or path.parent.joinpath(*relative.parts)
        if record_id in visited:
            skipped.append(Failure(f"{record_id} (row {number})", "the table names it twice"))
        elif isinstance(source, Path) and not source.is_file():
            skipped.append(Failure(record_id, "the table names it and no such file is there"))
        elif not key(label):
            skipped.append(Failure(record_id, "it has no label"))
        else:
            pair = str(row.get("pair") or "").strip()
            where = f"{PurePosixPath(record_id).parent.as_posix()}/{key(label)}"
            pictures.append(
                Picture(
                    id=record_id,
                    source=source,
                    label=label,
                    word="" if word.lower() in _NO_WORD else word,
                    pair=pair or where,
                )
            )
        visited.add(record_id)
    return Reading(pictures, skipped)


def _rows(path: Path) -> Iterator[tuple[Mapping[str, Any], ParquetCell | None]]:
    file = _table(path)
    if file is None:
        raise DataError(
            f"{str(path)!r} is not a table: give a .csv, .tsv, .jsonl or .parquet file with the "
            "columns image, label and word."
        )
    if file.suffix.lower() == ".parquet":
        with opened(file) as table:
            names = table.schema_arrow.names
            image = image_column(table.schema_arrow)
        _need(file, names)
        if image == "image":
            columns = [name for name in ("label", "word", "pair") if name in names]
            yield from cells_of(file, columns, image)
            return
    for row in read_rows(file, plain=True):
        _need(file, row)
        yield row, None


def _need(file: Path, columns: Any) -> None:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise DataError(
            f"The table {file} has no column {', '.join(map(repr, missing))} (it has: "
            f"{', '.join(map(str, columns)) or 'none'}): name them image, label and word."
        )


def _table(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() in TABLE_SUFFIXES else None
    tables = [
        p for p in sorted(path.iterdir()) if p.suffix.lower() in TABLE_SUFFIXES and p.is_file()
    ]
    return tables[0] if len(tables) == 1 else None


def _is_table(path: Path) -> bool:
    if not path.is_file() or path.suffix.lower() not in TABLE_SUFFIXES:
        return False
    try:
        return next(_rows(path), None) is not None
    except DataError:
        return False


def read_self_generated(path: Path) -> Reading:
    """``image.jpg,word`` (or ``image.jpg,description,word``) lines beside the clean images.

    The label is the first folder of the image, or its name without the number at the end
    (``Abyssinian_12.jpg``), as in the data sets that the published lists are about.
    """
    file = path if path.is_file() else _only(path)
    root, pictures, skipped = file.parent, list[Picture](), list[Failure]()
    places = {
        p.name.lower(): p
        for p in sorted(root.rglob("*"), reverse=True)
        if p.suffix.lower() in IMAGE_SUFFIXES
    }
    visited: set[str] = set()
    for number, cells in enumerate(_cells(file), start=1):
        name, word = cells[0].strip(), cells[-1].strip()
        relative = inside(name)
        if len(cells) < 2 or relative is None or not key(word):
            skipped.append(Failure(name or f"line {number}", "the line is not image,word"))
            continue
        source = root.joinpath(*relative.parts)
        if not source.is_file():
            source = places.get(relative.name.lower(), source)
        if not source.is_file():
            skipped.append(Failure(name, "the list names it and no such file is there"))
            continue
        record_id = source.relative_to(root).as_posix()
        label = spaced(_label(PurePosixPath(record_id)))
        if record_id in visited:
            skipped.append(Failure(f"{name} (line {number})", "the list names it twice"))
        elif key(label) == key(word):
            skipped.append(Failure(name, f"its word {word!r} is its own label"))
        else:
            pictures.append(
                Picture(
                    id=record_id,
                    source=source,
                    label=label,
                    word=spaced(word),
                    pair=record_id,
                    planned=True,
                )
            )
        visited.add(record_id)
    return Reading(pictures, skipped)


def _cells(file: Path) -> Iterator[list[str]]:
    for line in read_text(file, "word list").splitlines():
        if line.strip():
            yield next(csv.reader([line]))


def _only(folder: Path) -> Path:
    tables = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".txt", ".csv"))
    if len(tables) != 1:
        raise DataError(
            f"{str(folder)!r} holds {len(tables)} word lists (.txt): give the one to be used."
        )
    return tables[0]


def _label(name: PurePosixPath) -> str:
    if len(name.parts) > 1 and name.parts[0] not in ("images", "train", "test", "val"):
        return name.parts[0]
    return name.stem.rstrip("0123456789").rstrip("_- ") or name.stem


TABLE = Layout.bundled("table", read_table, _is_table)
# Any list of files and words would fit.
SELF_GENERATED = Layout.bundled("self-gen", read_self_generated, lambda path: False)
