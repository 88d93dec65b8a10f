"""What a font file says of itself: which characters it has, and whether it can join letters.

TrueType and OpenType files are tables behind a directory (the *sfnt* container). Only what decides
whether a text can be written is read here; FreeType draws. Nothing in the file is trusted: every
number is checked against the size of the data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Ranges = tuple[tuple[int, int], ...]
_LAST = 0x10FFFF


class NotAFont(Exception):
    """The data are not a font whose letters can be drawn; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FontFile:
    """What was read. ``coverage``: inclusive code point ranges, ascending; ``joins``: whether the
    file has rules for joining letters (of Arabic, Devanagari and other scripts)."""

    coverage: Ranges
    joins: bool


def read_font(data: bytes) -> FontFile:
    """Read the first font of a ``.ttf``, ``.otf`` or ``.ttc`` file.

    Raises:
        NotAFont: it is none, has no outlines, or is damaged.
    """
    try:
        tables = _tables(data)
        if not {b"glyf", b"CFF ", b"CFF2"} & tables.keys():
            raise NotAFont("it has no outlines: bitmap and colour fonts cannot be written with")
        coverage = _joined(_characters(data, *tables[b"cmap"])) if b"cmap" in tables else ()
    except (struct.error, IndexError):
        raise NotAFont("it is damaged") from None
    if not coverage:
        raise NotAFont("it has no table of Unicode characters")
    return FontFile(coverage=coverage, joins=bool({b"GSUB", b"morx"} & tables.keys()))


def _tables(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Tag -> offset and length."""
    start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
    if data[start : start + 4] not in (b"\0\1\0\0", b"OTTO", b"true"):
        raise NotAFont("it is not a TrueType or OpenType file")
    (n,) = struct.unpack_from(">H", data, start + 4)
    tables = {}
    for i in range(n):
        tag, _, offset, length = struct.unpack_from(">4sIII", data, start + 12 + 16 * i)
        tables[tag] = (offset, length)
    return tables


def _characters(data: bytes, offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Ranges of characters that have a glyph, of every Unicode table of ``cmap``."""
    _, n = struct.unpack_from(">HH", data, offset)
    for i in range(n):
        platform, encoding, place = struct.unpack_from(">HHI", data, offset + 4 + 8 * i)
        if (platform == 0 and encoding != 5) or (platform == 3 and encoding in (1, 10)):
            start = offset + place
            (form,) = struct.unpack_from(">H", data, start)
            if form == 4:
                yield from _segments(data, start)
            elif form == 12:
                yield from _groups(data, start)


def _segments(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Format 4: segments of the first 65,536 characters."""
    n = struct.unpack_from(">H", data, start + 6)[0] // 2
    ends = struct.unpack_from(f">{n}H", data, start + 14)
    begins = struct.unpack_from(f">{n}H", data, start + 16 + 2 * n)
    deltas = struct.unpack_from(f">{n}H", data, start + 16 + 4 * n)
    at = start + 16 + 6 * n
    offsets = struct.unpack_from(f">{n}H", data, at)
    for i, (first, last, delta, offset) in enumerate(
        zip(begins, ends, deltas, offsets, strict=True)
    ):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                (glyph,) = struct.unpack_from(">H", data, at + 2 * i + offset + 2 * (code - first))
            if (glyph and (glyph + delta) & 0xFFFF) or (not offset and (code + delta) & 0xFFFF):
                yield code, code


def _groups(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Format 12: groups of any characters."""
    (n,) = struct.unpack_from(">I", data, start + 12)
    if start + 16 + 12 * n > len(data):
        raise NotAFont("it is damaged")
    for i in range(n):
        first, last, glyph = struct.unpack_from(">III", data, start + 16 + 12 * i)
        first += glyph == 0
        if first <= last <= _LAST:
            yield first, last


def _joined(ranges: Iterator[tuple[int, int]]) -> Ranges:
    """Ranges in order; those that touch are one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)
