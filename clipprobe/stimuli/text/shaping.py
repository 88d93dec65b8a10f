"""Which texts cannot be written letter by letter, and whether this Pillow can write them.

Arabic and Devanagari join their letters, Hebrew and Arabic run from right to left, marks stand over
their letter. Pillow does that with libraqm, HarfBuzz and FriBidi, where it was built with them.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

from PIL import features

#: Blocks whose letters join or move: Indic scripts, Tibetan and Myanmar, Khmer and Mongolian.
_JOINING = ((0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF), (0xA800, 0xABFF))
_THAI_LAO = (0x0E00, 0x0EFF)


@lru_cache(maxsize=4096)
def needs_shaping(text: str) -> bool:
    """Whether letters of a text join, carry marks, or run from right to left."""
    return needs_joining(text) or any(
        unicodedata.bidirectional(c) in ("R", "AL", "AN")
        or unicodedata.category(c).startswith("M")
        or _THAI_LAO[0] <= ord(c) <= _THAI_LAO[1]
        for c in text
    )


@lru_cache(maxsize=4096)
def needs_joining(text: str) -> bool:
    """Whether the form of a letter depends on its neighbours."""
    return any(
        unicodedata.bidirectional(c) == "AL"
        or any(first <= ord(c) <= last for first, last in _JOINING)
        for c in text
    )


@cache
def can_shape() -> bool:
    """Whether this Pillow was built with what shapes text."""
    return bool(features.check("raqm"))


def shaped_by() -> dict[str, str]:
    """The versions that decide the pixels of a shaped text."""
    return {name: str(features.version(name)) for name in ("raqm", "harfbuzz", "fribidi")}
