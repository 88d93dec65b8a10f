"""``annotations.json`` beside photographs: Materzynska et al. 2022.

The file is called ``annotation.json`` in the data set's own README. Each entry gives the true
object and the attack label; an empty or absent label is the object without an attack: the clean
twin of its attacks. Photographs come from a phone and carry their orientation in the EXIF data,
which the decoder applies.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from attacks.typographic.datasets.files import image_files, is_zip, read_json
from attacks.typographic.datasets.layout import Layout, Picture, Reading, spaced
from clipprobe.data import Failure, ImageRecord
from clipprobe.data.archives import zip_names, zip_text
from clipprobe.data.tables import inside
from clipprobe.errors import DataError
from clipprobe.zeroshot.classes import key

_NAMES = ("annotations.json", "annotation.json")
_OBJECT = ("true object", "true_object", "object")
_WORD = ("typographic attack label", "typographic_attack_label", "attack label", "label")


def read_disentangling(path: Path) -> Reading:
    """The photographs that the annotations name.

    Raises:
        DataError: there are no annotations, or they are not a mapping of files to entries.
    """
    file, root, entries = _entries(path)
    if not isinstance(entries, dict):
        raise DataError(
            f"The annotation file {file} holds a {type(entries).__name__}: it must be a mapping of "
            "file names to entries."
        )
    by_path, by_name = _files(root)
    pictures: list[Picture] = []
    skipped: list[Failure] = []
    visited: set[str] = set()
    for name in sorted(entries):
        entry = entries[name]
        relative = inside(name)
        if relative is None:
            skipped.append(Failure(name, "its name leads out of the folder"))
            continue
        record = by_path.get(relative.as_posix().lower()) or by_name.get(relative.name.lower())
        if record is None:
            skipped.append(Failure(name, "the annotations name it and no such file is there"))
            continue
        visited.add(record.id)
        label = _value(entry, _OBJECT)
        if not label or not key(label):
            skipped.append(Failure(name, "its annotation names no true object"))
            continue
        word = _value(entry, _WORD)
        if word and key(word) == key(label):
            skipped.append(Failure(name, f"its word {word!r} is its own label"))
            continue
        pictures.append(
            Picture(
                id=record.id,
                source=record.source,
                label=spaced(label),
                word=spaced(word) if key(word) not in ("", "none", "null") else "",
                pair=key(label),
            )
        )
    for record_id in sorted({record.id for record in by_path.values()} - visited):
        skipped.append(Failure(record_id, "the annotations do not name it"))
    return Reading(pictures, skipped)


def _entries(path: Path) -> tuple[Path, Path, Any]:
    """The annotations, the folder or archive of the photographs, and what they say."""
    file = None if is_zip(path) else _annotations(path)
    if file is not None:
        return file, file.parent, read_json(file, "annotation file")
    names = zip_names(path)[0] if is_zip(path) else []
    name = next((one for one in names if PurePosixPath(one).name in _NAMES), None)
    if name is None:
        raise DataError(
            f"There is no annotations.json (or annotation.json) at {str(path)!r}: give the folder, "
            "or a .zip of it, that holds it."
        )
    try:
        return path / name, path, json.loads(zip_text(path, name))
    except ValueError as error:
        raise DataError(f"{name!r} in {path} is not valid JSON ({error}).") from None


def _annotations(path: Path) -> Path | None:
    places = [path] if path.is_file() else [path / name for name in _NAMES]
    return next((place for place in places if place.is_file() and place.name in _NAMES), None)


def _files(root: Path) -> tuple[dict[str, ImageRecord], dict[str, ImageRecord]]:
    """Image files by path and by bare name, without case (``IMG_1.JPG`` is ``img_1.jpg``)."""
    records = image_files(root)[0]
    by_name = {PurePosixPath(record.id).name.lower(): record for record in reversed(records)}
    return {record.id.lower(): record for record in records}, by_name


def _value(entry: Any, names: tuple[str, ...]) -> str:
    if not isinstance(entry, dict):
        return ""
    lower = {str(name).strip().lower(): value for name, value in entry.items()}
    value = next((lower[name] for name in names if name in lower), None)
    return value.strip() if isinstance(value, str) else ""


DISENTANGLING = Layout.bundled(
    "disentangling",
    read_disentangling,
    lambda path: path.is_dir() and _annotations(path) is not None,
)
