"""Labels of attacks, fitted, warped and kept: an audit writes the same word on many images."""

from __future__ import annotations

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
    large = room[0] * room[1] > _KEPT_AREA and size * size * len(attack.text) > _KEPT_AREA / 2
    return (_new_label if large else _cached_label)(
        attack.text,
        font=attack.font,
        size=size if size_px is None else size_px,
        room=room,
        edges_px=(outline_px, padding),
        rotation=float(attack.rotation),
        fit=attack.fit,
        mirrored=attack.mirrored,
        perspective=tilt(attack.perspective),
        downscale=float(attack.downscale),
        blur_px=attack.blur * size,
        shadow_px=SHADOW * size if attack.shadow else 0.0,
    )


def _new_label(
    text: str,
    *,
    font: str,
    size: float,
    room: tuple[int, int],
    edges_px: tuple[int, int],
    rotation: float,
    fit: Fit,
    mirrored: bool,
    perspective: tuple[float, float],
    downscale: float,
    blur_px: float,
    shadow_px: float,
) -> Label:
    """A label from all that it depends on; ``edges_px`` are its outline and its padding."""
    outline_px, padding = edges_px
    drawn: dict[str, Any] = {"font": font, "outline_px": outline_px, "padding": padding}
    distorted = {"downscale": downscale, "blur_px": blur_px, "shadow_px": shadow_px}
    tilted = any(perspective)
    pad = 2 * growth(tilted=tilted, **distorted)
    free = (room[0] - pad, room[1] - pad)
    plain = label(text, size=size, room=free, rotation=rotation, fit=fit, **drawn)
    if not (mirrored or pad):
        return plain
    if tilted and rotation % 360:  # the same lines and size, not turned yet
        plain = label("\n".join(plain.lines), size=plain.size_px, room=(1 << 16, 1 << 16), **drawn)
    return warped(
        plain,
        rotation=rotation % 360 if tilted else 0.0,
        mirrored=mirrored,
        perspective=perspective,
        **distorted,
    )


_cached_label = lru_cache(maxsize=512)(_new_label)
