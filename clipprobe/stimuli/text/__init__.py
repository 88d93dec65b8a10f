"""Text on images: the one renderer of stimuli and attacks.

The same text, font and size give the same pixels on every machine with the pinned Pillow, in any
order and from any thread. :func:`draw_text` does the usual job; :func:`label` and :func:`stamp`
are its two halves, for callers that place one word many times.
"""

from clipprobe.stimuli.text.draw import Color, Drawn, draw_text, rgb, shifted, stamp
from clipprobe.stimuli.text.fonts import (
    DEFAULT_FONT,
    FontInfo,
    font_info,
    font_table,
    fonts,
    placeholder,
    writable,
)
from clipprobe.stimuli.text.labels import MIN_SIZE_PX, Fit, label
from clipprobe.stimuli.text.render import Box, Label
from clipprobe.stimuli.text.warp import distorted, growth, warped

__all__ = [
    "DEFAULT_FONT",
    "MIN_SIZE_PX",
    "Box",
    "Color",
    "Drawn",
    "Fit",
    "FontInfo",
    "Label",
    "distorted",
    "draw_text",
    "font_info",
    "font_table",
    "fonts",
    "growth",
    "label",
    "placeholder",
    "rgb",
    "shifted",
    "stamp",
    "warped",
    "writable",
]
