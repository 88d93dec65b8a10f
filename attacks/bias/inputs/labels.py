"""Who was perceived how: a table (or file names) of labels, whatever its format, as columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from attacks.bias.inputs import known
from clipprobe.data.text_table import Column, TextTable, read_text_table
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord

FORMATS = ("auto", "fairface", "utkface", "visogender", "table")
_PADDING = re.compile(r"(?:margin|padding[=_-]?)(0|1)\.?25(?!\d)|(?<![\d.])(0|1)\.25(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Labels of images, by id.

    ``name``: of the file. ``format``: as it was read. ``ids``: unique. ``columns``: name -> one
    value (None: not annotated) an id. ``aliases``: the format's own column names -> ours.
    ``card``: a shipped card's name, or None. ``by_stem``: ids are file names without their ending.
    ``malformed``: file names from which no label could be read. ``sha256``: of the file.
    """

    name: str
    format: str
    ids: tuple[str, ...]
    columns: Mapping[str, Column]
    aliases: Mapping[str, str] = field(default_factory=dict)
    card: str | None = None
    by_stem: bool = False
    malformed: tuple[str, ...] = ()
    sha256: str = ""


def read_labels(path: str | Path, *, format: str = "auto", id_column: str | None = None) -> Labels:
    """Read a table of labels.

    Args:
        path: A ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file.
        format: One of ``FORMATS``; ``auto`` recognises FairFace by its columns, VisoGender by its
            columns, UTKFace by the names of the images, and takes anything else as it is.
        id_column: The column that identifies an image; default: the first of ``id``,
            ``file_name``, ``file``, … that is there.
    Raises:
        DataError: it cannot be read, lacks ids, names one twice, or holds values that its format
            does not know. ConfigError: another format.
    """
    _check_format(format)
    table = read_text_table(path)
    id_name, ids = table.ids(id_column)
    kind = _kind(table, ids) if format == "auto" else format
    columns = {name: values for name, values in table.columns.items() if name != id_name}
    labels = _recognise(kind, table, ids)
    return _labels(table.path.name, kind, ids, columns, labels, table.sha256)


def labels_of_images(
    records: Sequence[ImageRecord], name: str, *, format: str = "auto"
) -> Labels | None:
    """Labels that the images carry themselves: FairFace's columns, or UTKFace's file names.

    None where they are neither; then the images' own attributes are the labels, as they are.
    """
    _check_format(format)
    ids = tuple(record.id for record in records)
    present = {key for record in records for key in record.attributes}
    own: dict[str, Column] = {
        key: tuple(record.attributes.get(key) for record in records) for key in sorted(present)
    }
    if format == "fairface" or (format == "auto" and known.is_fairface(sorted(present))):
        table, kind = known.fairface(own, f"The data set {name!r}"), "fairface"
    elif format == "utkface" or (format == "auto" and not present and known.is_utkface(ids)):
        table, kind = known.utkface(ids), "utkface"
    else:
        return None
    return _labels(name, kind, ids, own, table)


def _labels(
    name: str,
    kind: str,
    ids: tuple[str, ...],
    columns: Mapping[str, Column],
    known_columns: known.KnownColumns,
    sha256: str = "",
) -> Labels:
    """Columns as they are, or as a known format has them."""
    others = {n: values for n, values in columns.items() if n not in known_columns.aliases}
    return Labels(
        name=name,
        format=kind,
        ids=ids,
        columns=others | dict(known_columns.columns),
        aliases=known_columns.aliases,
        card=known_columns.card,
        by_stem=kind == "visogender",
        malformed=known_columns.malformed,
        sha256=sha256,
    )


def fairface_padding(where: str) -> str:
    """The padding of FairFace's images as their folder or configuration names it.

    FairFace ships each face twice, cropped with padding 0.25 and 1.25; labels do not say which.
    """
    match = _PADDING.search(where)
    if match is None:
        return "not stated (FairFace has 0.25 and 1.25; a folder name with it is noted here)"
    return f"{match[1] or match[2]}.25"


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise ConfigError(f"There is no label format {format!r}: choose of {', '.join(FORMATS)}.")


def _kind(table: TextTable, ids: Sequence[str]) -> str:
    if known.is_fairface(list(table.columns)):
        return "fairface"
    if known.is_visogender(table):
        return "visogender"
    by_name = any("gender" in name or "race" in name for name in map(str.lower, table.columns))
    return "utkface" if not by_name and known.is_utkface(ids) else "table"


def _recognise(kind: str, table: TextTable, ids: Sequence[str]) -> known.KnownColumns:
    if kind == "fairface":
        return known.fairface(table.columns, f"The table {table.path}")
    if kind == "visogender":
        return known.visogender(table)
    return known.utkface(ids) if kind == "utkface" else known.KnownColumns()
