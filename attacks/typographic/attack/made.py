"""Labels of attacks, fitted, warped and kept: an audit writes the same word on many images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from attacks.typographic.attack.description import AttackDescription, tilt
from clipprobe.stimuli.text import Fit, Label, growth, label, warped

#: Warped labels larger than this (area in pixels) are not kept.
_KEPT_AREA = 131_072
#: Offset and blur of a shadow, in line heights.
SHADOW = 0.1


def made_label(
    attack: AttackDescription, short_side: int, room: tuple[int, int], size_px: float | None
) -> Label:
    """The label of an attack.

    Args:
        short_side: Of the image, in pixels.
        room: Width and height that the label may take.
        size_px: Line height; ``None`` for the attack's own.
    Raises:
        TextFitError: it does not fit.
    """
    asked = attack.size * short_side
    outline_px = 0 if attack.outline is None else max(1, round(attack.outline_width * asked))
    padding = 0
    if attack.background is not None and attack.padding:
        padding = max(1, round(attack.padding * asked))
    lettering = _Lettering(
        text=attack.text,
        font=attack.font,
        size=asked if size_px is None else size_px,
        room=room,
        outline_px=outline_px,
        padding=padding,
        rotation=float(attack.rotation),
        fit=attack.fit,
        mirrored=attack.mirrored,
        perspective=tilt(attack.perspective),
        downscale=float(attack.downscale),
        blur_px=attack.blur * asked,
        shadow_px=SHADOW * asked if attack.shadow else 0.0,
    )
    large = room[0] * room[1] > _KEPT_AREA and asked * asked * len(attack.text) > _KEPT_AREA / 2
    return (_made if large else _kept)(lettering)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lettering:
    """All that a label depends on, in pixels of one image."""

    text: str
    font: str
    size: float
    room: tuple[int, int]
    outline_px: int
    padding: int
    rotation: float
    fit: Fit
    mirrored: bool
    perspective: tuple[float, float]
    downscale: float
    blur_px: float
    shadow_px: float


def _made(asked: _Lettering) -> Label:
    tilted = any(asked.perspective)
    distorted: dict[str, Any] = {
        "downscale": asked.downscale,
        "blur_px": asked.blur_px,
        "shadow_px": asked.shadow_px,
    }
    drawn: dict[str, Any] = {
        "font": asked.font,
        "outline_px": asked.outline_px,
        "padding": asked.padding,
    }
    pad = 2 * growth(tilted=tilted, **distorted)
    room = (asked.room[0] - pad, asked.room[1] - pad)
    plain = label(
        asked.text, size=asked.size, room=room, rotation=asked.rotation, fit=asked.fit, **drawn
    )
    if not (asked.mirrored or pad):
        return plain
    if tilted and asked.rotation % 360:  # the same lines and size, not turned yet
        plain = label("\n".join(plain.lines), size=plain.size_px, room=(1 << 16, 1 << 16), **drawn)
    return warped(
        plain,
        rotation=asked.rotation % 360 if tilted else 0.0,
        mirrored=asked.mirrored,
        perspective=asked.perspective,
        **distorted,
    )


_kept = lru_cache(maxsize=512)(_made)
