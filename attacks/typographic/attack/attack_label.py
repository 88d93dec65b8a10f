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


def attack_label(
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
    size = attack.size * short_side
    outline_px = 0 if attack.outline is None else max(1, round(attack.outline_width * size))
    padding = 0
    if attack.background is not None and attack.padding:
        padding = max(1, round(attack.padding * size))
    lettering = _Lettering(
        text=attack.text,
        font=attack.font,
        size=size if size_px is None else size_px,
        room=room,
        outline_px=outline_px,
        padding=padding,
        rotation=float(attack.rotation),
        fit=attack.fit,
        mirrored=attack.mirrored,
        perspective=tilt(attack.perspective),
        downscale=float(attack.downscale),
        blur_px=attack.blur * size,
        shadow_px=SHADOW * size if attack.shadow else 0.0,
    )
    large = room[0] * room[1] > _KEPT_AREA and size * size * len(attack.text) > _KEPT_AREA / 2
    return (_new_label if large else _cached_label)(lettering)


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


def _new_label(lettering: _Lettering) -> Label:
    tilted = any(lettering.perspective)
    distorted: dict[str, Any] = {
        "downscale": lettering.downscale,
        "blur_px": lettering.blur_px,
        "shadow_px": lettering.shadow_px,
    }
    drawn: dict[str, Any] = {
        "font": lettering.font,
        "outline_px": lettering.outline_px,
        "padding": lettering.padding,
    }
    pad = 2 * growth(tilted=tilted, **distorted)
    room = (lettering.room[0] - pad, lettering.room[1] - pad)
    plain = label(
        lettering.text,
        size=lettering.size,
        room=room,
        rotation=lettering.rotation,
        fit=lettering.fit,
        **drawn,
    )
    if not (lettering.mirrored or pad):
        return plain
    if tilted and lettering.rotation % 360:  # the same lines and size, not turned yet
        plain = label("\n".join(plain.lines), size=plain.size_px, room=(1 << 16, 1 << 16), **drawn)
    return warped(
        plain,
        rotation=lettering.rotation % 360 if tilted else 0.0,
        mirrored=lettering.mirrored,
        perspective=lettering.perspective,
        **distorted,
    )


_cached_label = lru_cache(maxsize=512)(_new_label)
