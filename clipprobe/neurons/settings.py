"""Settings that the instruments of units share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag, Settings
from clipprobe.settings.shared import Pool, Sites

if TYPE_CHECKING:
    Advance = Callable[[int], None]
else:
    Advance = Any


@dataclass(frozen=True, kw_only=True)
class Counted(Settings):
    """Who is told how far the work is; only in Python."""

    panel: ClassVar[str] = "Run"
    progress: Annotated[Advance | None, HOW, Flag(where="python")] = None
    """Called with the number of inputs that were finished since the last call."""


@dataclass(frozen=True, kw_only=True)
class Units(Pool, Sites):
    """Which units, and how an input becomes one number for each."""

    sites: Sequence[str] | str | None = None
