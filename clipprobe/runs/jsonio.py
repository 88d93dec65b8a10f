"""JSON as every run writes it: sorted keys, no NaN, the same bytes for the same values.

Floats are written with the shortest digits that read back to the same number. JSON has no NaN:
an undefined value is ``null`` (and has a ``reason`` beside it); an infinite one is the string
``"Infinity"`` or ``"-Infinity"``, so that an open-ended interval stays what it is.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Mapping, Set
from enum import Enum
from pathlib import PurePath
from typing import Any, Self, get_args, get_origin, get_type_hints

import numpy as np

from clipprobe.errors import ConfigError


def plain(value: Any) -> Any:
    """``value`` as what JSON knows: dict, list, str, int, float, bool, None.

    Takes mappings, sequences, sets (sorted), numpy scalars and arrays, paths (posix), enums (their
    value), dataclasses, and anything with ``to_json()``.

    Raises:
        ConfigError: something of another type, or two keys that are the same text.
    """
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, Mapping):
        result = {_key(key): plain(item) for key, item in value.items()}
        if len(result) != len(value):
            raise ConfigError(
                f"A mapping with the keys {list(value)!r} has two that are the same in JSON: "
                "rename one."
            )
        return result
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Set):
        return sorted((plain(item) for item in value), key=lambda item: json.dumps(item))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise ConfigError(
        f"A value of type {type(value).__name__} cannot be written to JSON: give numbers, text, "
        "lists or mappings."
    )


class AsJson:
    """A dataclass whose JSON form is that of its fields; an undefined number becomes null."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON types."""
        return _fields(self)


class JsonRecord(AsJson):
    """One that is also read back from that form."""

    __slots__ = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`; null is NaN where a number stands.

        A field that the data lacks gets its default: there was none when they were written.
        """
        value: Self = _read(cls, data)
        return value


def dumps(value: Any) -> str:
    """The one JSON text of ``value``, indented, with a newline at its end."""
    text = json.dumps(plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name may hold bytes that are not UTF-8; Python carries them as lone surrogates.
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def loads(text: str) -> Any:
    """Read JSON back; ``null`` stays ``None`` and ``"Infinity"`` stays text."""
    return json.loads(text)


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _read(kind: Any, value: Any) -> Any:
    """A plain value as one of the type of a field: a number, a dataclass, or tuples of them."""
    inside = get_args(kind)
    if kind is float:
        return math.nan if value is None else float(value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        types = _types(kind)
        return kind(
            **{name: _read(types[name], one) for name, one in value.items() if name in types}
        )
    if type(None) in inside:
        return None if value is None else _read(inside[0], value)
    if get_origin(kind) is tuple:
        kinds = inside[:1] * len(value) if inside[-1] is ... else inside
        return tuple(_read(one, item) for one, item in zip(kinds, value, strict=True))
    return value


_types = functools.cache(get_type_hints)


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _key(key: Any) -> str:
    key = plain(key)
    if key is None or isinstance(key, (bool, list, dict)):
        raise ConfigError(f"A mapping has the key {key!r}: JSON keys must be text or numbers.")
    return str(key)
