"""Images inside Parquet tables and zip archives, read in place through the usual decoder.

Nothing is extracted to the disk. An image's bytes are handed to ``clipprobe.data``'s decoder,
which refuses decompression bombs and applies the EXIF orientation; here its size is bounded before
it is unpacked.
"""

from __future__ import annotations

import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from clipprobe.data.parquet import class_names, holds_bytes, opened, plain_columns, with_names
from clipprobe.data.records import ImageRecord
from clipprobe.data.tables import inside, record_of
from clipprobe.errors import DataError, UnreadableImageError
from clipprobe.lines import MAX_TEXT_BYTES

#: An image of a data set that unpacks to more is none.
MAX_MEMBER_BYTES = 256 << 20
MAX_MEMBERS = 1_000_000
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class ParquetCell:
    """The bytes of one image in a Parquet file: row ``row`` of row group ``group``."""

    file: Path
    column: str
    group: int
    row: int

    def read(self) -> bytes:
        """The encoded image."""
        try:
            with _lock:  # one row group is read once, not by every thread
                cells = _row_group(self.file, self.file.stat().st_mtime_ns, self.column, self.group)
            value = cells[self.row].as_py()
        except (OSError, ValueError, IndexError) as error:
            raise UnreadableImageError(" ".join(str(error).split()) or "unreadable") from None
        data = value.get("bytes") if isinstance(value, Mapping) else value
        if not isinstance(data, bytes):
            raise UnreadableImageError("the table holds no image in this row")
        if len(data) > MAX_MEMBER_BYTES:
            raise UnreadableImageError(f"larger than {MAX_MEMBER_BYTES >> 20} MiB")
        return data


@lru_cache(maxsize=2)
def _row_group(file: Path, modified: int, column: str, group: int) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).read_row_group(group, columns=[column]).column(column)


def cells_of(
    file: Path, columns: Sequence[str], image: str
) -> Iterator[tuple[dict[str, Any], ParquetCell]]:
    """Each row's cells of ``columns``, and where its image is; images are not read.

    Integer classes become the names that the file's metadata give them.

    Raises:
        DataError: the file is not a Parquet file, or a column is absent.
    """
    with opened(file) as table:
        yield from _cells(file, table, columns, image)


def _cells(
    file: Path, table: Any, columns: Sequence[str], image: str
) -> Iterator[tuple[dict[str, Any], ParquetCell]]:
    missing = [c for c in (*columns, image) if c not in table.schema_arrow.names]
    if missing:
        raise DataError(
            f"The table {file} has no column {', '.join(map(repr, missing))} (it has: "
            f"{', '.join(table.schema_arrow.names)}): give the data set's own table."
        )
    classes, total = class_names(table), 0
    for group in range(table.num_row_groups):
        for number, row in enumerate(
            table.read_row_group(group, columns=list(columns)).to_pylist()
        ):
            total += 1
            yield with_names(file, total, row, classes), ParquetCell(file, image, group, number)


def image_column(schema: Any) -> str | None:
    """The column of an Arrow schema that holds encoded images; None where there is none.

    A column of bare bytes holds images where it is called ``image``, or where no ``file_name``
    says that they lie elsewhere.
    """
    import pyarrow as pa

    def holds(one: Any) -> bool:
        if pa.types.is_struct(one.type):
            return any(part.name == "bytes" for part in one.type)
        return holds_bytes(one.type) and (one.name == "image" or "file_name" not in schema.names)

    columns = [one.name for one in schema if holds(one)]
    return "image" if "image" in columns else next(iter(columns), None)


def parquet_images(file: Path) -> list[ImageRecord] | None:
    """The images inside a Parquet file, with its other columns; None where it holds none.

    Ids are the numbers of the rows.

    Raises:
        DataError: it cannot be read.
    """
    with opened(file) as table:
        column = image_column(table.schema_arrow)
        if column is None:
            return None
        plain = [name for name in plain_columns(table.schema_arrow) if name != column]
        rows = enumerate(_cells(file, table, plain, column))
        return [record_of(f"row-{number:07d}", cell, row) for number, (row, cell) in rows]


@dataclass(frozen=True, slots=True)
class ZipMember:
    """One image inside a zip archive."""

    archive: Path
    name: str

    def read(self) -> bytes:
        """The unpacked bytes, at most :data:`MAX_MEMBER_BYTES` whatever the archive claims."""
        return read_member(self.archive, self.name, MAX_MEMBER_BYTES)


def read_member(archive: Path, name: str, most: int) -> bytes:
    """One member of a zip archive.

    Raises:
        UnreadableImageError: it is absent, damaged, encrypted or unpacks to more than ``most``.
    """
    try:
        with _opened(archive, archive.stat().st_mtime_ns).open(name) as member:
            data = member.read(most + 1)
    except KeyError:
        raise UnreadableImageError("no such member in the archive") from None
    except RuntimeError as error:  # zipfile's way to say "encrypted"
        raise UnreadableImageError(str(error).split(":")[-1].strip() or "encrypted") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise UnreadableImageError(f"the archive is damaged here ({error})") from None
    if len(data) > most:
        raise UnreadableImageError(f"unpacks to more than {most >> 20} MiB")
    return data


@lru_cache(maxsize=4)
def _opened(archive: Path, modified: int) -> zipfile.ZipFile:
    """The archive, whose list of members is read once, not for every image."""
    return zipfile.ZipFile(archive)


def zip_names(archive: Path) -> tuple[list[str], list[str]]:
    """Names of the files of a zip archive that stay inside it, and of those that lead out.

    Raises:
        DataError: it is not a zip archive, or has too many members.
    """
    try:
        infos = _opened(archive, archive.stat().st_mtime_ns).infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"The archive {archive} could not be read as zip ({error}).") from None
    if len(infos) > MAX_MEMBERS:
        raise DataError(
            f"The archive {archive} has {len(infos):,} members, more than {MAX_MEMBERS:,}: give "
            "the data set's own archive."
        )
    files = [info.filename for info in infos if not info.is_dir()]
    good = [name for name in files if inside(name) is not None]
    return sorted(good), sorted(set(files) - set(good))


def zip_text(archive: Path, name: str) -> str:
    """A UTF-8 text member.

    Raises:
        DataError: it cannot be unpacked within 64 MiB, or is not UTF-8.
    """
    try:
        return read_member(archive, name, MAX_TEXT_BYTES).decode("utf-8-sig")
    except (UnreadableImageError, UnicodeDecodeError) as error:
        raise DataError(f"{name!r} in the archive {archive} could not be read ({error}).") from None
