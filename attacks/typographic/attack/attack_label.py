"""Labels of attacks, fitted, warped and kept: an audit writes the same word on many images."""

from __future__ import annotations

from functools import lru_cache

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
    arguments = (
        attack.text, attack.font, size if size_px is None else size_px, room, outline_px, padding,
        float(attack.rotation), attack.fit, attack.mirrored, tilt(attack.perspective),
        float(attack.downscale), attack.blur * size, SHADOW * size if attack.shadow else 0.0,
    )  # fmt: skip
    large = room[0] * room[1] > _KEPT_AREA and size * size * len(attack.text) > _KEPT_AREA / 2
    return (_new_label if large else _cached_label)(*arguments)


def _new_label(
    text: str,
    font: str,
    size: float,
    room: tuple[int, int],
    outline_px: int,
    padding: int,
    rotation: float,
    fit: Fit,
    mirrored: bool,
    perspective: tuple[float, float],
    downscale: float,
    blur_px: float,
    shadow_px: float,
) -> Label:
    tilted = any(perspective)
    pad = 2 * growth(tilted=tilted, downscale=downscale, blur_px=blur_px, shadow_px=shadow_px)
    plain = label(
        text,
        font=font,
        size=size,
        room=(room[0] - pad, room[1] - pad),
        outline_px=outline_px,
        padding=padding,
        rotation=rotation,
        fit=fit,
    )
    if not (mirrored or pad):
        return plain
    if tilted and rotation % 360:  # the same lines and size, not turned yet
        plain = label(
            "\n".join(plain.lines),
            font=font,
            size=plain.size_px,
            room=(1 << 16, 1 << 16),
            outline_px=outline_px,
            padding=padding,
        )
    return warped(
        plain,
        rotation=rotation % 360 if tilted else 0.0,
        mirrored=mirrored,
        perspective=perspective,
        downscale=downscale,
        blur_px=blur_px,
        shadow_px=shadow_px,
    )


_cached_label = lru_cache(maxsize=512)(_new_label)
