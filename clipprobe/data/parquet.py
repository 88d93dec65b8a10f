"""Parquet tables: opened once, row by row, Hugging Face's integer classes turned into names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clipprobe.errors import DataError


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """The ``pyarrow.parquet.ParquetFile``.

    Raises:
        DataError: it cannot be read, now or inside the block.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            yield table
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"The table {file} could not be read as Parquet ({reason}).") from None


def holds_bytes(kind: Any) -> bool:
    """Whether a column of this Arrow type holds bare bytes."""
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def plain_columns(schema: Any) -> list[str]:
    """The columns of an Arrow schema that hold neither images nor nested values."""
    import pyarrow as pa

    return [
        one.name for one in schema if not (pa.types.is_nested(one.type) or holds_bytes(one.type))
    ]


def parquet_rows(file: Path, *, plain: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a table.

    Args:
        plain: Leave out columns of images, which would fill the memory, and of nested values.
    Raises:
        DataError: it cannot be read, or holds a class that it has no name for.
    """
    with opened(file) as table:
        classes = class_names(table)
        columns = plain_columns(table.schema_arrow) if plain else None
        number = 0
        for batch in table.iter_batches(columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield with_names(file, number, row, classes)


def with_names(
    file: Path, number: int, row: Mapping[str, Any], classes: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """A row, its integer classes as names.

    Args:
        number: Of the row, from 1.
        classes: See :func:`class_names`.
    Raises:
        DataError: the file holds a class that it has no name for.
    """
    return {
        column: _class_name(file, column, number, value, classes.get(column))
        for column, value in row.items()
    }


def class_names(table: Any) -> dict[str, tuple[str, ...]]:
    """The ``ClassLabel`` features that Hugging Face ``datasets`` records in an opened file."""
    names: dict[str, tuple[str, ...]] = {}
    try:
        metadata = table.schema_arrow.metadata or {}
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        for name, feature in features.items():
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
                names[str(name)] = tuple(str(one) for one in feature["names"])
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return names


def _class_name(
    path: Path, column: str, number: int, value: Any, names: Sequence[str] | None
) -> Any:
    if names is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == -1:  # "no label" in Hugging Face data sets
        return None
    if not 0 <= value < len(names):
        raise DataError(
            f"Row {number} of {path} has the class {value} in {column!r}, but its metadata name "
            f"only 0 to {len(names) - 1}: the file and its names do not belong together."
        )
    return names[value]
