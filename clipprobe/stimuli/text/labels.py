"""From a text and the room for it to a label: which lines, at which size.

Labels are cached, because an audit stamps the same word on many images: finding the size that
fits costs several measurements, stamping a cached label costs next to none.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, get_args

from clipprobe.errors import ConfigError, TextFitError
from clipprobe.stimuli.text.fonts import SIZE_STEP_PX, rounded_size, writable
from clipprobe.stimuli.text.render import Label, measure, render

Fit = Literal["shrink", "wrap", "error"]

#: Below this line height strokes merge: nothing is drawn that nobody can read.
MIN_SIZE_PX = 5.0
#: Larger labels are not kept in the cache (area in pixels).
CACHED_AREA = 32_768


def label(
    text: str,
    *,
    font: str,
    size: float,
    room: tuple[int, int],
    outline_px: int = 0,
    padding: int = 0,
    rotation: float = 0.0,
    fit: Fit = "shrink",
) -> Label:
    """Fit ``text`` into ``room`` and render it.

    Args:
        text: What to write; ``\\n`` starts a new line. Composed to NFC.
        font: A bundled font.
        size: Line height in pixels (top of ``d`` to foot of ``p``), rounded down to 0.25 px.
        room: Width and height in pixels that the label, padding included, may take.
        outline_px: Width of the outline around the letters.
        padding: Pixels of background around the ink.
        rotation: Degrees, counter-clockwise.
        fit: ``shrink`` lowers the size until the text fits; ``wrap`` first breaks lines at
            spaces; ``error`` refuses.
    Raises:
        TextFitError: it does not fit, or only below :data:`MIN_SIZE_PX`.
        GlyphError: the font lacks a glyph.
        ConfigError: unknown font, empty text, or a number out of range.
    """
    text = writable(text, font)
    if fit not in get_args(Fit):
        raise ConfigError(f"fit={fit!r} is unknown: use one of {', '.join(get_args(Fit))}.")
    if not (math.isfinite(size) and size > 0):
        raise ConfigError(f"The text size is {size}: give a number of pixels above 0.")
    if outline_px < 0 or padding < 0 or not math.isfinite(rotation):
        raise ConfigError(
            f"outline_px={outline_px}, padding={padding}, rotation={rotation}: "
            "widths must be 0 or more and the angle finite."
        )
    if size < MIN_SIZE_PX:
        raise TextFitError(
            f"The text {text!r} does not fit: it was asked for {size:.3g} px high, and under "
            f"{MIN_SIZE_PX:g} px nobody can read it: use a larger size or a larger image."
        )
    lines, size_px = _fitted(
        text, font, rounded_size(size), room, outline_px, padding, rotation % 360.0, fit
    )
    draw = render if size_px**2 * len(text) > CACHED_AREA else _render_cached
    return draw(lines, font, size_px, outline_px, padding, rotation % 360.0)


_render_cached = lru_cache(maxsize=512)(render)


@lru_cache(maxsize=8192)
def _fitted(
    text: str,
    font: str,
    size: float,
    room: tuple[int, int],
    outline_px: int,
    padding: int,
    rotation: float,
    fit: Fit,
) -> tuple[tuple[str, ...], float]:
    """Lines and size that fit, found by measuring only."""
    margin = 2 * padding

    def overflow(lines: tuple[str, ...], size: float) -> float:
        w, h = measure(lines, font, size, outline_px)
        width, height = _turned(w + margin, h + margin, rotation)
        return max(width / max(room[0], 1e-9), height / max(room[1], 1e-9))

    while size >= MIN_SIZE_PX:
        lines = tuple(text.split("\n"))
        if fit == "wrap":
            lines = _wrapped(text, font, size, room[0] - margin, outline_px)
        excess = overflow(lines, size)
        if excess <= 1.0:
            return lines, size
        if fit == "error":
            break
        # The ink grows about linearly with the size, so jump near the answer, then step down;
        # breaking lines makes it non-linear, so there every step is small.
        jump = size * 0.96 if fit == "wrap" else size / excess + SIZE_STEP_PX
        size = min(rounded_size(jump), size - SIZE_STEP_PX)
    least = "" if fit == "error" else f" even at {MIN_SIZE_PX:g} px"
    raise TextFitError(
        f"The text {text!r} does not fit into {max(room[0], 0)} x {max(room[1], 0)} px{least}: "
        "use a larger image or room, a smaller size, or fewer letters."
    )


def _wrapped(text: str, font: str, size: float, width: int, outline_px: int) -> tuple[str, ...]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and measure((longer,), font, size, outline_px)[0] > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return tuple(lines)


def _turned(width: float, height: float, rotation: float) -> tuple[float, float]:
    """Size of the axis-aligned box around a rotated rectangle, as Pillow expands it."""
    if rotation == 0.0:
        return width, height
    c, s = abs(math.cos(math.radians(rotation))), abs(math.sin(math.radians(rotation)))
    # Pillow rounds the corners outwards, which can add a pixel on each side.
    return width * c + height * s + 2, width * s + height * c + 2
