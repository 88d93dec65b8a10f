"""Tables and arrays of a run, written so that the same values give the same bytes.

Parquet is the record; CSV is for people and spreadsheets. No pickle: arrays are safetensors.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.errors import ConfigError

_QUOTED = re.compile(r'[",\r\n]')

Columns = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_ROW_GROUP = 131_072  # fixed: the default of the library may change between its versions

# A cell that starts like this is run as a formula by spreadsheets. Quotes before it are part of
# the pattern so that taking one away again restores every text exactly.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def as_table(data: Columns | Rows | Any) -> Any:
    """``data`` as one ``pyarrow.Table``.

    Args:
        data: A table; or column name -> values (all of one length); or rows, each a mapping (a key
            that a row lacks is null there; columns come in order of first appearance).

    Raises:
        ConfigError: the columns differ in length, or a column mixes types.
    """
    import pyarrow as pa

    if isinstance(data, pa.Table):
        table = data
    else:
        columns: dict[str, Any] = {}
        if isinstance(data, Mapping):
            columns = dict(data)
        else:
            names = list(dict.fromkeys(name for row in data for name in row))
            columns = {name: [row.get(name) for row in data] for name in names}
        arrays = {name: _array(name, values) for name, values in columns.items()}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ConfigError(f"The columns of a table differ in length: {lengths}.")
        table = pa.table(arrays)
    # The schema's metadata holds versions of pandas, and chunks move page borders: neither is data.
    return table.replace_schema_metadata(None).combine_chunks()


def columns_of(rows: Rows, types: Mapping[str, str]) -> dict[str, Any]:
    """The columns of some rows; those with a type keep it where all is null or there is no row.

    Args:
        types: Column -> type, as Arrow calls it: ``string``, ``int32``, ``float64``.
    """
    import pyarrow as pa

    names = rows[0] if rows else types
    return {name: pa.array([row[name] for row in rows], types.get(name)) for name in names}


def write_parquet(path: Path, data: Columns | Rows | Any) -> None:
    """Write one Parquet file (zstd); the same values give the same bytes."""
    import pyarrow.parquet as pq

    pq.write_table(
        as_table(data), path, compression="zstd", row_group_size=_ROW_GROUP, version="2.6"
    )


def read_parquet(path: Path) -> Any:
    """Read a Parquet file back as a ``pyarrow.Table``."""
    import pyarrow.parquet as pq

    # One file, not a data set: a folder called "label=dog" above it must not become a column.
    return pq.ParquetFile(path).read()


def write_csv(path: Path, data: Columns | Rows | Any) -> None:
    """Write CSV: UTF-8, ``\\n``, empty cells for null and NaN, no cell that runs as a formula."""
    table = as_table(data)
    lines = [_line(table.column_names)]
    for batch in table.to_batches(max_chunksize=_ROW_GROUP):
        columns = [column.to_pylist() for column in batch.columns]
        lines.extend(_line(row) for row in zip(*columns, strict=True))
    path.write_bytes("".join(lines).encode("utf-8"))


def read_csv(path: Path) -> Any:
    """Read CSV written by :func:`write_csv`; every column is text, as it was before writing."""
    import pyarrow as pa

    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    names = [_unsafe_cell(name) for name in rows[0]] if rows else []
    columns = [[_unsafe_cell(row[i]) for row in rows[1:]] for i in range(len(names))]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def safe_cell(value: Any) -> str:
    """One CSV cell; text that a spreadsheet would run as a formula gets a ``'`` in front."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    return repr(value) if isinstance(value, float) else str(value)


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write named arrays as safetensors (C order, little endian)."""
    from safetensors.numpy import save

    ordered = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    path.write_bytes(save(ordered))


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a safetensors file."""
    from safetensors.numpy import load_file

    arrays: dict[str, npt.NDArray[Any]] = load_file(path)
    return arrays


def _line(values: Sequence[Any]) -> str:
    cells = [safe_cell(value) for value in values]
    # Written here: csv.writer leaves a lone CR unquoted, which readers take for the end of a row.
    quoted = [
        '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell for cell in cells
    ]
    return (",".join(quoted) or '""') + "\n"  # a blank line would be no row


def _unsafe_cell(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _array(name: str, values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.ndim > 1:
        values = values.tolist()
    elif not isinstance(values, (np.ndarray, pa.Array, pa.ChunkedArray)):
        values = [item.item() if isinstance(item, np.generic) else item for item in values]
    try:
        return pa.array(values) if not isinstance(values, (pa.Array, pa.ChunkedArray)) else values
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"The column {name!r} of a table cannot be written ({reason}): give values of one type."
        ) from None
