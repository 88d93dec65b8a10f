"""The bundled fonts: which there are, what they can write, and their faces at a given size.

Only Pillow's basic layout engine is used: it is part of Pillow's own wheel, so the pinned Pillow
gives the same pixels everywhere, whether or not libraqm is installed. It does no shaping, so
scripts that need it (Arabic, Devanagari, ...) and combining marks are refused as missing glyphs.

FreeType faces share one library object and are not safe between threads; every call into
FreeType is made under :func:`freetype`.
"""

from __future__ import annotations

import json
import os
import threading
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from PIL import ImageFont

from clipprobe.errors import ConfigError, GlyphError, TextFitError

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "fonts"
DEFAULT_FONT = "DejaVuSans-Bold"
MAX_CHARACTERS = 1000
"""Longest text that is drawn: laying out a longer one takes minutes, and no image shows it."""
#: Sizes are rounded to this step, so that faces and stamps can be cached.
SIZE_STEP_PX = 0.25

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
    """One bundled font."""

    name: str
    """The name to ask for, such as ``DejaVuSans-Bold``."""
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

    def covers(self, character: str) -> bool:
        """Whether the font has a glyph for one character."""
        code = ord(character)
        i = bisect_right(self.coverage, (code, 0x110000)) - 1
        return i >= 0 and self.coverage[i][0] <= code <= self.coverage[i][1]


@cache
def font_table() -> Mapping[str, FontInfo]:
    """Every bundled font by name, in alphabetical order."""
    text = (FOLDER / "fonts.json").read_text(encoding="utf-8")
    table: dict[str, FontInfo] = {}
    for name, row in sorted(json.loads(text).items()):
        ranges = tuple((int(low), int(high)) for low, high in row.pop("coverage"))
        table[name] = FontInfo(name=name, scripts=tuple(row.pop("scripts")), coverage=ranges, **row)
    return MappingProxyType(table)


def fonts() -> list[str]:
    """Names of the bundled fonts, in alphabetical order."""
    return list(font_table())


def font_info(name: str) -> FontInfo:
    """The record of one font.

    Raises:
        ConfigError: there is no such font; the message names the nearest ones.
    """
    table = font_table()
    if name not in table:
        near = get_close_matches(name, table, n=3, cutoff=0.3) or list(table)[:3]
        raise ConfigError(
            f"There is no bundled font {name!r}: the nearest are {', '.join(near)}, and "
            "clipprobe.stimuli.text.fonts() lists all."
        )
    return table[name]


@lru_cache(maxsize=4096)
def writable(text: str, font: str) -> str:
    """``text`` in composed form (NFC), after checking that ``font`` has every glyph.

    Raises:
        GlyphError: a glyph is missing; the message names it and a bundled font that has all.
        ConfigError: the text holds nothing visible, or the font is unknown.
        TextFitError: the text is longer than any image can show.
    """
    info = font_info(font)
    if len(text) > MAX_CHARACTERS:
        raise TextFitError(
            f"The text {text[:20]!r}… has {len(text):,} characters, and at most {MAX_CHARACTERS:,} "
            "can be written on an image: shorten it."
        )
    text = unicodedata.normalize("NFC", text)
    if not text.strip():
        raise ConfigError("The text to draw is empty: give at least one visible character.")
    missing = sorted({c for c in text if c != "\n" and not info.covers(c)})
    if missing:
        alphabets = ", ".join(
            f"{c!r} (U+{ord(c):04X} {unicodedata.name(c, 'unnamed')})" for c in missing[:3]
        )
        others = [
            other.name
            for other in font_table().values()
            if all(c == "\n" or other.covers(c) for c in text)
        ]
        advice = f"{', '.join(others[:3])} can write it" if others else "no bundled font can"
        raise GlyphError(f"The font {font} has no glyph for {alphabets} of {text!r}: {advice}.")
    return text


def face(font: str, size_px: float) -> ImageFont.FreeTypeFont:
    """The face whose line is ``size_px`` high; use it only while holding :func:`freetype`."""
    return _face(font, max(1.0, round(size_px * em_per_line(font) * 64) / 64))


def rounded_size(size_px: float) -> float:
    """``size_px`` rounded down to a multiple of :data:`SIZE_STEP_PX`."""
    return int(size_px / SIZE_STEP_PX + 1e-9) * SIZE_STEP_PX


@cache
def em_per_line(font: str) -> float:
    """Em size over line height, where the line runs from the top of ``d`` to the foot of ``p``.

    Em squares are arbitrary: at equal em size Caveat is half as tall as Pixelify. The line
    height makes one size mean one visible size in every font.
    """
    with freetype():
        _, top, _, bottom = _face(font, 512.0).getbbox("Hdlpgy", anchor="ls")
    return 512.0 / (bottom - top)


@cache
def ascent_per_line(font: str) -> float:
    """Part of the line height that lies above the baseline."""
    with freetype():
        _, top, _, bottom = _face(font, 512.0).getbbox("Hdlpgy", anchor="ls")
    return -top / (bottom - top)


@lru_cache(maxsize=256)
def _face(font: str, em_px: float) -> ImageFont.FreeTypeFont:
    data = _font_bytes(font_info(font).file)
    with freetype():
        return ImageFont.truetype(BytesIO(data), em_px, layout_engine=ImageFont.Layout.BASIC)


@cache
def _font_bytes(file: str) -> bytes:
    return (FOLDER / file).read_bytes()
