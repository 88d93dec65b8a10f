"""Where a thing in memory came from, so that a stored call can open it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What opens a thing again.

    Attributes:
        opener: A name of :data:`clipprobe.study.call.OPENERS`, for example ``images``.
        arguments: What the opener takes, as JSON; places on this machine are absolute.
    """

    opener: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def absolute(place: object) -> str:
    """The absolute path of what is there; anything else, such as a hub id, as it is."""
    text = str(place)
    try:
        return str(Path(text).resolve()) if text and Path(text).exists() else text
    except OSError:  # a name too long to be a path
        return text
