"""Edits on disk: JSON and safetensors, in one file or one folder; never a pickle.

A file ``NAME.safetensors`` holds the arrays, and the JSON in its metadata under
``clipprobe-edit``. A folder holds the same as ``edit.json`` and ``edit.safetensors``. Each part has
its hash, so that a damaged file is told from a whole one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.edits.part import PARTS, Part, canonical, sha256_of
from clipprobe.errors import ClipprobeError, ConfigError

FORMAT, VERSION = "clipprobe-edit", 1
JSON_NAME, ARRAYS_NAME = "edit.json", "edit.safetensors"
_MOST_JSON = 16 << 20
_MOST_PARTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFor:
    """The checkpoint that an edit was made for."""

    id: str
    weights_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is stored of an edit."""

    parts: tuple[Part, ...]
    name: str
    made_for: MadeFor | None


def write(edit: Content, path: str | Path) -> Path:
    """Write it: to one file where ``path`` ends in ``.safetensors``, else to a folder.

    Raises:
        ConfigError: the place cannot be written.
    """
    place = Path(path)
    try:
        if place.suffix == ".safetensors":
            place.write_bytes(to_bytes(edit))
        else:
            from safetensors.numpy import save

            text, arrays = _content(edit)
            place.mkdir(parents=True, exist_ok=True)
            (place / ARRAYS_NAME).write_bytes(save(arrays))
            (place / JSON_NAME).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The edit cannot be written to {place} ({error.strerror}).") from error
    return place


def to_bytes(edit: Content) -> bytes:
    """The content of a file; the same edit gives the same bytes."""
    from safetensors.numpy import save

    text, arrays = _content(edit)
    data: bytes = save(arrays, metadata={FORMAT: text})
    return data


def read(path: str | Path) -> Content:
    """Read an edit.

    Raises:
        ConfigError: there is none, it is damaged, or it was written by another version.
    """
    place = Path(path)
    if place.is_dir() and not (place / JSON_NAME).is_file():
        raise ConfigError(f"The folder {place} holds no edit: it has no {JSON_NAME}.")
    if not place.exists():
        raise ConfigError(f"There is no edit {place}: give a file or folder that Edit.save wrote.")
    try:
        if place.is_dir():
            text, arrays = _folder(place)
        else:
            text, arrays = _file(place)
        return _edit(json.loads(text), arrays, place)
    except ClipprobeError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"The edit {place} is damaged or is not one ({_short(error)}): make it again, or "
            "restore it from a copy."
        ) from error


def _content(edit: Content) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    parts: list[dict[str, Any]] = []
    arrays: dict[str, npt.NDArray[Any]] = {}
    for number, part in enumerate(edit.parts):
        fields, own = part.stored()
        parts.append({"kind": part.kind, "sha256": sha256_of(part), "fields": fields})
        arrays |= {f"{number}.{name}": np.asarray(one, order="C") for name, one in own.items()}
    made_for = edit.made_for and asdict(edit.made_for)
    text = canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "name": edit.name,
            "made_for": made_for,
            "parts": parts,
        }
    )
    return text, dict(sorted(arrays.items()))


def _folder(place: Path) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    from safetensors.numpy import load_file

    file = place / JSON_NAME
    _check_size(file.stat().st_size, place)
    arrays: dict[str, npt.NDArray[Any]] = load_file(place / ARRAYS_NAME)
    return file.read_text(encoding="utf-8"), arrays


def _file(place: Path) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(place, framework="np") as opened:
            text = (opened.metadata() or {}).get(FORMAT)
            if text is None:
                raise ConfigError(
                    f"{place} is not an edit: it is safetensors without the entry {FORMAT!r} that "
                    "Edit.save writes."
                )
            _check_size(len(text), place)
            return text, {name: opened.get_tensor(name) for name in opened.keys()}
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _edit(data: Any, arrays: Mapping[str, npt.NDArray[Any]], place: Path) -> Content:
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise ConfigError(f"{place} is not an edit: its JSON has another format.")
    if data["version"] != VERSION:
        raise ConfigError(
            f"The edit {place} is of version {data['version']!r}, and this clipprobe reads "
            f"version {VERSION}: use the clipprobe that wrote it, or a newer one."
        )
    if not 0 < len(data["parts"]) <= _MOST_PARTS:
        raise ConfigError(f"The edit {place} has {len(data['parts'])} parts.")
    used: set[str] = set()
    parts = []
    for number, entry in enumerate(data["parts"]):
        own = {
            name.removeprefix(f"{number}."): one
            for name, one in arrays.items()
            if name.startswith(f"{number}.")
        }
        used |= {f"{number}.{name}" for name in own}
        parts.append(_part(entry, own, place))
    if used != set(arrays):
        raise ValueError(f"it holds arrays of no part: {', '.join(sorted(set(arrays) - used)[:3])}")
    origin = data["made_for"]
    made_for = origin and MadeFor(
        id=str(origin["id"]), weights_sha256=str(origin["weights_sha256"])
    )
    return Content(parts=tuple(parts), name=str(data["name"]), made_for=made_for)


def _part(entry: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], place: Path) -> Part:
    part = PARTS[entry["kind"]].read(entry["fields"], arrays)
    if set(part.stored()[1]) != set(arrays):
        raise ValueError(f"the arrays of its part {entry['kind']} are not those of such a part")
    if sha256_of(part) != entry["sha256"]:
        raise ValueError(f"its part {entry['kind']} does not have the hash that it was saved with")
    return part


def _check_size(n_bytes: int, place: Path) -> None:
    if n_bytes > _MOST_JSON:
        raise ConfigError(f"The JSON of {place} is over {_MOST_JSON >> 20} MiB, so it is not read.")


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[:200]}…" if len(text) > 200 else text
