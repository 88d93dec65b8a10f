"""Labels from a table that lies anywhere on disk, joined to images by their names below a folder.

A read-only data set needs no table inside it: the table names images relative to a *root*, the
folder of the images unless another is given. An image without a row, and a row without an image,
take no part; both are counted and named.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from clipprobe.data.join import join
from clipprobe.data.records import Dataset, ImageRecord, LeftOut
from clipprobe.data.suffixes import IMAGE_SUFFIXES
from clipprobe.data.tables import LABEL, inside
from clipprobe.data.text_table import TextTable, read_text_table
from clipprobe.errors import DataError

#: What a column of labels is usually called; the first that a table has is taken.
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "category", "target")
NO_ROW = "an image without a row in the label table"
NO_IMAGE = "a row of the label table without an image"
STRAY = "a file that is not an image, beside the folders of the classes"
EMPTY = "an image with an empty label in the label table"


def with_labels(
    dataset: Dataset,
    table: str | Path,
    *,
    label_column: str | None = None,
    id_column: str | None = None,
    root: str | Path | None = None,
) -> Dataset:
    """The images that the table has a label for; its other columns become attributes.

    Args:
        table: A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file.
        label_column: Default: the first of :data:`LABEL_COLUMNS`, or the only column beside the
            names.
        id_column: The column with the names; default: ``id``, ``file_name``, ``file``, ...
        root: The folder that the names are relative to; default: that of the images.
    Raises:
        DataError: the table cannot be read, has no such column, names an image twice, or names no
            image of the data set.
    """
    read = read_text_table(table)
    name, ids = read.ids(id_column)
    label = _label_column(read, name, label_column)
    rows = [_relative(one, root) for one in ids]
    match = join(
        names_below(dataset.records, root),
        rows,
        names=(f"images of {dataset.name!r}", f"table {read.path.name}"),
        # A table may omit the endings.
        by_stem=not any(PurePosixPath(row).suffix.lower() in IMAGE_SUFFIXES for row in rows),
    )
    others = [column for column in read.columns if column not in (name, label)]
    records, empty = [], []
    for i, row in zip(match.left, match.right, strict=True):
        record, text = dataset.records[i], (read.columns[label][row] or "").strip()
        if not text:
            empty.append(record.id)
            continue
        cells = {one: cell for one in others if (cell := read.columns[one][row]) is not None}
        attributes = {**record.attributes, **cells}
        records.append(replace(record, label=text, attributes=attributes))
    if not records:
        raise DataError(
            f"The column {label!r} of the table {read.path} is empty for every image: fill it, or "
            "give --label-column."
        )
    left_out = ((NO_ROW, match.left_only), (NO_IMAGE, match.right_only), (EMPTY, tuple(empty)))
    more = tuple(LeftOut(reason=reason, ids=tuple(ids)) for reason, ids in left_out if ids)
    return replace(dataset, records=tuple(records), left_out=(*dataset.left_out, *more))


def relabelled(dataset: Dataset, column: str) -> Dataset:
    """The same images, labelled by one of their attributes.

    Raises:
        DataError: no image has it.
    """
    if column == LABEL:  # which a table of images has as its label already
        return dataset
    records = tuple(replace(one, label=one.attributes.get(column)) for one in dataset.records)
    if all(record.label is None for record in records):
        known = sorted({name for record in dataset.records for name in record.attributes})
        raise DataError(
            f"No image of {dataset.name!r} has a value in the column {column!r} (there are: "
            f"{', '.join(known) or 'none'}): correct --label-column."
        )
    return replace(dataset, records=records)


def without_stray_files(dataset: Dataset) -> Dataset:
    """Without the files beside the folders of the classes that are not images by their ending.

    They have no label and could not be decoded: a README, a list of the classes.
    """
    if all(record.label is None for record in dataset.records):
        return dataset
    stray = {
        record.id
        for record in dataset.records
        if record.label is None and PurePosixPath(record.id).suffix.lower() not in IMAGE_SUFFIXES
    }
    if not stray:
        return dataset
    records = tuple(record for record in dataset.records if record.id not in stray)
    left_out = (*dataset.left_out, LeftOut(reason=STRAY, ids=tuple(sorted(stray))))
    return replace(dataset, records=records, left_out=left_out)


def names_below(records: Sequence[ImageRecord], root: str | Path | None) -> list[str]:
    """What a table calls the images: their paths below ``root``, or their ids without one."""
    if root is None:
        return [record.id for record in records]
    base, names = _absolute(root), []
    for record in records:
        path = _absolute(record.source) if isinstance(record.source, Path) else None
        below = path is not None and path.is_relative_to(base)
        names.append(path.relative_to(base).as_posix() if path and below else record.id)
    return names


def _absolute(path: str | Path) -> Path:
    """Without ``..``, and not resolved: links inside a folder keep their names."""
    return Path(os.path.normpath(Path(path).absolute()))


def _relative(name: str, root: str | Path | None) -> str:
    """A name as the table means it: a drive's separators, a leading ``./``, an absolute path."""
    path = Path(name)
    if root is not None and path.is_absolute() and path.is_relative_to(_absolute(root)):
        name = path.relative_to(_absolute(root)).as_posix()
    pure = inside(name)
    return name if pure is None else pure.as_posix()


def _label_column(table: TextTable, name: str, label_column: str | None) -> str:
    others = [column for column in table.columns if column != name]
    usual = next((column for column in LABEL_COLUMNS if column in others), None)
    label = label_column or usual or (others[0] if len(others) == 1 else None)
    if label is None or label not in others:
        lack = (
            f"has no column {label_column!r}"
            if label_column
            else "does not say which column holds the labels"
        )
        raise DataError(
            f"The table {table.path} {lack} (it has: {', '.join(table.columns)}): name it with "
            "--label-column."
        )
    return label
