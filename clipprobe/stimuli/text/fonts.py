"""Fonts, bundled and the user's own: what they can write, and their faces at a given size.

A font is asked for by its name, or by the path of a ``.ttf``, ``.otf`` or ``.ttc`` file. A file is
known by its name and content (``NotoSansSC.otf@1f2e3d4c5b6a``), which is what runs hold; no font is
ever loaded but the bundled ones and the files that the user names.

Bundled fonts use Pillow's basic layout engine alone: it is part of Pillow's own wheel, so the
pinned Pillow gives the same pixels everywhere, whether or not libraqm is installed. It does no
shaping, so scripts that need it (Arabic, Devanagari, ...) and combining marks are refused as
missing glyphs. With a font of the user's they are shaped where Pillow can, and else refused.

FreeType faces share one library object and are not safe between threads; every call into
FreeType is made under :func:`freetype`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from PIL import ImageFont

from clipprobe.errors import ConfigError, GlyphError, TextFitError
from clipprobe.stimuli.text.font import FontInfo as FontInfo
from clipprobe.stimuli.text.font import freetype as freetype
from clipprobe.stimuli.text.own_fonts import FONT_SUFFIXES, OWN, OWN_BYTES, own_font
from clipprobe.stimuli.text.shaping import can_shape, needs_joining, needs_shaping

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "fonts"
DEFAULT_FONT = "DejaVuSans-Bold"
MAX_CHARACTERS = 1000
"""Longest text that is drawn: laying out a longer one takes minutes, and no image shows it."""
_LINE = "Hdlpgy"
#: Sizes are rounded to this step, so that faces and stamps can be cached.
SIZE_STEP_PX = 0.25


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

    Args:
        name: Of a bundled font; the path of a file; or what a run calls a file that was used
            before in this process.
    Raises:
        ConfigError: there is no such font, with the nearest ones; or the file cannot be used.
    """
    table = font_table()
    if name in table:
        return table[name]
    if name in OWN:
        return OWN[name]
    path = Path(name)
    if path.suffix.lower() in FONT_SUFFIXES:
        return own_font(path)
    if path.suffix.lower().partition("@")[0] in FONT_SUFFIXES:
        raise ConfigError(
            f"{name!r} was written with a font file, which a run does not hold: give the same file "
            "again (--font)."
        )
    near = get_close_matches(name, table, n=3, cutoff=0.3) or list(table)[:3]
    raise ConfigError(
        f"There is no bundled font {name!r}: the nearest are {', '.join(near)}, and "
        "clipprobe.stimuli.text.fonts() lists all. A path that ends in .ttf or .otf is a font of "
        "your own."
    )


def placeholder(font: str) -> str:
    """A word that a font can write: ``word``, or a letter of its own script."""
    info = font_info(font)
    if info.path is None or all(map(info.covers, "word")):
        return "word"
    letters = (chr(code) for first, last in info.coverage for code in range(first, last + 1))
    return next((c for c in letters if c.isalnum()), chr(info.coverage[0][0]))


@lru_cache(maxsize=4096)
def writable(text: str, font: str) -> str:
    """``text`` in composed form (NFC), after checking that ``font`` has every glyph.

    Raises:
        GlyphError: a glyph is missing, and the message names it and a bundled font that has all; or
            the letters must be joined or turned, and that cannot be done here.
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
        if not others:
            advice += "; give one of your own (--font FILE.ttf)"
        raise GlyphError(
            f"The font {info.name} has no glyph for {alphabets} of {text!r}: {advice}."
        )
    if info.path is not None and needs_shaping(text) and not can_shape():
        raise GlyphError(
            f"The letters of {text!r} join, carry marks or run from right to left, and this Pillow "
            "was built without libraqm, so they would be drawn wrong: install a Pillow with it."
        )
    if info.path is not None and needs_joining(text) and not info.joins:
        raise GlyphError(
            f"The letters of {text!r} join, and the font {info.name} has no rules for that, so "
            "they would be drawn apart: give a font made for the script."
        )
    return text


def face(font: str, size_px: float, text: str = "") -> ImageFont.FreeTypeFont:
    """The face whose line is ``size_px`` high; use it only while holding :func:`freetype`.

    Args:
        text: What is written with it: letters that join need another face.
    """
    shaped = font_info(font).path is not None and needs_shaping(text)
    return _face(font, max(1.0, round(size_px * em_per_line(font) * 64) / 64), shaped)


def rounded_size(size_px: float) -> float:
    """``size_px`` rounded down to a multiple of :data:`SIZE_STEP_PX`."""
    return int(size_px / SIZE_STEP_PX + 1e-9) * SIZE_STEP_PX


@cache
def em_per_line(font: str) -> float:
    """Em size over line height, where the line runs from the top of ``d`` to the foot of ``p``.

    Em squares are arbitrary: at equal em size Caveat is half as tall as Pixelify. The line
    height makes one size mean one visible size in every font. A font without these letters has
    the line that its makers gave it.
    """
    top, bottom = _line(font)
    return 512.0 / (bottom - top)


@cache
def ascent_per_line(font: str) -> float:
    """Part of the line height that lies above the baseline."""
    top, bottom = _line(font)
    return -top / (bottom - top)


def _line(font: str) -> tuple[float, float]:
    """Top and bottom of a line at 512 px per em, from the baseline down."""
    with freetype():
        if not all(map(font_info(font).covers, _LINE)):
            ascent, descent = _face(font, 512.0).getmetrics()
            return -float(ascent), float(descent)
        _, top, _, bottom = _face(font, 512.0).getbbox(_LINE, anchor="ls")
    return top, bottom


@lru_cache(maxsize=256)
def _face(font: str, em_px: float, shaped: bool = False) -> ImageFont.FreeTypeFont:
    info = font_info(font)
    data = _font_bytes(info.file) if info.path is None else OWN_BYTES[info.name]
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    with freetype():
        return ImageFont.truetype(BytesIO(data), em_px, layout_engine=engine)


@cache
def _font_bytes(file: str) -> bytes:
    return (FOLDER / file).read_bytes()
