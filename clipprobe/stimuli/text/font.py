"""One font: its record, and the lock around FreeType, which is not safe between threads."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

_lock = threading.RLock()


def freetype() -> threading.RLock:
    """The lock to hold around every use of a face."""
    return _lock


def _fresh_lock() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # a child forked while another thread draws would wait forever
    os.register_at_fork(after_in_child=_fresh_lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class FontInfo:
    """One font."""

    name: str
    """The name to ask for, such as ``DejaVuSans-Bold``; of a file its name and content."""
    style: str
    """What it looks like: ``sans``, ``handwriting``, ``typewriter``, ..."""
    license: str
    """SPDX expression; the text is in ``license_file`` beside the font."""
    license_file: str
    source: str
    """Where it was taken from, with the version."""
    scripts: tuple[str, ...]
    """Scripts that it covers."""
    file: str
    coverage: tuple[tuple[int, int], ...]
    """Inclusive code point ranges, ascending."""
    path: Path | None = None
    """The user's file; None for a bundled font."""
    joins: bool = False
    """Whether it has rules for joining letters."""

    def covers(self, character: str) -> bool:
        """Whether the font has a glyph for one character."""
        code = ord(character)
        i = bisect_right(self.coverage, (code, 0x110000)) - 1
        return i >= 0 and self.coverage[i][0] <= code <= self.coverage[i][1]
