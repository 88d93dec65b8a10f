"""Triplets: SCAM and RTA-100-Triplet, each object attacked, clean, and attacked by a program.

Both have the columns ``type``, ``object_label``, ``attack_word``, ``id`` and ``image``. The three
images of one object are found by their id without the type in front (``SCAM_img_0001``), never
by the order of the rows. They come as Parquet (one file or the data set's folder), as a zip with
``metadata.jsonl``, or unpacked beside that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from attacks.typographic.datasets.layout import (
    ATTACK,
    CLEAN,
    SYNTH,
    Layout,
    Picture,
    Reading,
    spaced,
)
from clipprobe.data import Failure
from clipprobe.data.archives import ZipMember, cells_of, zip_names, zip_text
from clipprobe.data.records import Source, Unreadable
from clipprobe.data.tables import inside
from clipprobe.errors import DataError
from clipprobe.lines import read_text
from clipprobe.zeroshot.classes import key

_COLUMNS = ("type", "id", "object_label", "attack_word")
_METADATA = "metadata.jsonl"
SCAM = {"SCAM": ATTACK, "NoSCAM": CLEAN, "SynthSCAM": SYNTH}
RTA = {"RTA": ATTACK, "NoRTA": CLEAN, "SynthRTA": SYNTH}


@dataclass(frozen=True, slots=True)
class _Row:
    cells: Mapping[str, Any]
    source: Source

    def text(self, column: str) -> str:
        value = self.cells.get(column)
        return str(value).strip() if value is not None else ""


def read_triplets(path: Path, kinds: Mapping[str, str]) -> Reading:
    """The complete triplets at a path; an image whose partners are missing is left out.

    Args:
        kinds: Value of the column ``type`` -> condition.
    """
    by_type = {name.lower(): name for name in kinds}
    groups: dict[str, dict[str, _Row]] = {}
    skipped: list[Failure] = []
    for row in _rows(path, skipped):
        type_name, row_id = row.text("type"), row.text("id")
        kind = by_type.get(type_name.lower())
        name = f"{type_name}/{row_id}"
        if kind is None:
            reason = f"its type {type_name!r} is none of {', '.join(kinds)}"
            skipped.append(Failure(name, reason))
        elif not row_id:
            skipped.append(Failure(name, "it has no id, so its twins cannot be found"))
        elif not key(row.text("object_label")) or not key(row.text("attack_word")):
            skipped.append(Failure(name, "it has no object_label or no attack_word"))
        elif kind in groups.setdefault(_suffix(row_id, kind), {}):
            skipped.append(Failure(name, "its id is there twice; the first was used"))
        else:
            groups[_suffix(row_id, kind)][kind] = row
    present = [kind for kind in kinds if any(kind in members for members in groups.values())]
    pictures: list[Picture] = []
    for suffix, members in sorted(groups.items()):
        reason = _wrong(members, present)
        for kind, row in members.items():
            name = f"{kind}/{suffix}"
            if reason:
                skipped.append(Failure(name, reason))
                continue
            condition, word = kinds[kind], spaced(row.text("attack_word"))
            pictures.append(
                Picture(
                    id=name,
                    source=row.source,
                    label=spaced(row.text("object_label")),
                    word="" if condition == CLEAN else word,
                    pair=suffix,
                    condition="" if condition == ATTACK else condition,
                    aim=word if condition == CLEAN else "",
                )
            )
    return Reading(pictures, skipped, _absent(present, kinds, len(groups)))


def _wrong(members: Mapping[str, _Row], present: Iterable[str]) -> str:
    """Why a triplet cannot be used, or ``""``."""
    missing = [kind for kind in present if kind not in members]
    if missing:
        return f"its twin of type {' and '.join(missing)} is missing"
    for column in ("object_label", "attack_word"):
        values = {key(row.text(column)) for row in members.values()}
        if len(values) > 1:
            return f"its triplet disagrees on {column}"
    first = next(iter(members.values()))
    if key(first.text("object_label")) == key(first.text("attack_word")):
        return f"its word {first.text('attack_word')!r} is its own label, so it attacks nothing"
    return ""


def _absent(present: list[str], kinds: Mapping[str, str], n: int) -> list[str]:
    gone = [kind for kind in kinds if kind not in present]
    if not gone or not n:
        return []
    return [f"No image of type {' or '.join(gone)} is there, so nothing is compared with it."]


def _suffix(row_id: str, kind: str) -> str:
    """The id without the type in front of it."""
    start = row_id[: len(kind)]
    rest = row_id[len(kind) :]
    return rest[1:] if start.lower() == kind.lower() and rest[:1] in ("_", "-", "/") else row_id


def _rows(path: Path, skipped: list[Failure]) -> Iterator[_Row]:
    if path.is_file() and path.suffix.lower() == ".zip":
        yield from _zip_rows(path, skipped)
    elif path.is_file() and path.name == _METADATA:
        yield from _folder_rows(path, skipped)
    elif path.is_file():
        yield from _parquet_rows([path])
    elif files := sorted(path.rglob("*.parquet")):
        yield from _parquet_rows(files)
    elif tables := sorted(path.rglob(_METADATA)):
        for table in tables:
            yield from _folder_rows(table, skipped)
    elif archives := sorted(path.glob("*.zip")):
        for archive in archives:
            yield from _zip_rows(archive, skipped)
    else:
        raise DataError(
            f"No .parquet, {_METADATA} or .zip of triplets is at {str(path)!r}: give the data set "
            "as it was published."
        )


def _parquet_rows(files: Iterable[Path]) -> Iterator[_Row]:
    for file in files:
        for cells, source in cells_of(file, _COLUMNS, "image"):
            yield _Row(cells, source)


def _zip_rows(archive: Path, skipped: list[Failure]) -> Iterator[_Row]:
    names, outside = zip_names(archive)
    skipped += [Failure(name, "its name leads out of the archive") for name in outside]
    tables = [name for name in names if PurePosixPath(name).name == _METADATA]
    if not tables:
        raise DataError(
            f"The archive {archive} has no {_METADATA}: give the archive as it was published."
        )
    known = set(names)
    for table in tables:
        folder = PurePosixPath(table).parent
        for cells, name in _lines(zip_text(archive, table), f"{archive}:{table}", skipped):
            member = (folder / name).as_posix()
            source: Source = ZipMember(archive, member)
            yield _Row(cells, source if member in known else Unreadable("no such file"))


def _folder_rows(table: Path, skipped: list[Failure]) -> Iterator[_Row]:
    for cells, name in _lines(read_text(table, "table"), str(table), skipped):
        yield _Row(cells, table.parent.joinpath(*name.parts))


def _lines(
    text: str, where: str, skipped: list[Failure]
) -> Iterator[tuple[dict[str, Any], PurePosixPath]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError):
            cells = None
        if not isinstance(cells, dict):
            raise DataError(f"Line {number} of {where} is not a JSON object: write one per line.")
        missing = [column for column in (*_COLUMNS, "file_name") if column not in cells]
        if missing:
            raise DataError(
                f"Line {number} of {where} has no {', '.join(map(repr, missing))}: give the "
                "data set's own table."
            )
        name = inside(str(cells["file_name"]))
        if name is None:
            reason = f"its file name {cells['file_name']!r} leads out of the data set"
            skipped.append(Failure(f"{cells['type']}/{cells['id']}", reason))
            continue
        yield cells, name


def _recognise(path: Path, kinds: Mapping[str, str]) -> bool:
    """Whether the first row says one of the types."""
    if path.is_dir() and not (any(path.glob("*.parquet")) or any(path.glob("data/*.parquet"))):
        if not any((path / part / _METADATA).is_file() for part in ("", "images/train", "train")):
            return False
    elif path.is_file() and path.suffix.lower() not in (".parquet", ".zip"):
        return False
    try:
        first = next(_rows(path, []), None)
    except DataError:
        return False
    return first is not None and first.text("type") in kinds


SCAM_TRIPLET = Layout.bundled(
    "scam", partial(read_triplets, kinds=SCAM), partial(_recognise, kinds=SCAM)
)
RTA_100_TRIPLET = Layout.bundled(
    "rta-100-triplet", partial(read_triplets, kinds=RTA), partial(_recognise, kinds=RTA)
)
