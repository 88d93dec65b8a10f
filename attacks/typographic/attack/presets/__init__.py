"""Attacks of the field under their names: what each paper wrote, where, and how large.

A preset is data: the knobs of a :class:`TypographicAttack`, with its source and what of it is our
own choice. ``preset("distill", "pizza")`` makes the attack; knobs given beside it win.
"""

from __future__ import annotations

from typing import Any

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.presets.distill import DISTILL
from attacks.typographic.attack.presets.distill import DISTILL_PAIRS as DISTILL_PAIRS
from attacks.typographic.attack.presets.distill import DistillPair as DistillPair
from attacks.typographic.attack.presets.field import (
    DEFENSE_PREFIX,
    DYSLEXIFY,
    MULTI_IMAGE,
    SELF_GENERATED,
    STICKY_NOTE,
)
from attacks.typographic.attack.presets.record import Preset as Preset
from clipprobe.errors import ConfigError, nearest

PRESETS: dict[str, Preset] = {
    item.name: item
    for item in (DISTILL, DEFENSE_PREFIX, DYSLEXIFY, MULTI_IMAGE, SELF_GENERATED, STICKY_NOTE)
}


def preset_knobs(name: str, own: dict[str, Any] | None = None) -> dict[str, Any]:
    """The knobs of a preset, with those that are given in their place.

    A given knob stops varying; giving ``copies`` without ``position`` frees fixed places.

    Raises:
        ConfigError: there is no such preset.
    """
    key = name.replace("-", "_")
    if key not in PRESETS:
        raise ConfigError(f"There is no preset {name!r}: {nearest(key, PRESETS)}")
    own = own or {}
    knobs = dict(PRESETS[key].knobs)
    fixed = not isinstance(knobs.get("position", "random"), str)
    if fixed and "position" not in own and own.get("copies", knobs["copies"]) != knobs["copies"]:
        knobs["position"], knobs["anchor"] = "random", "center"
    if fixed and "position" in own:
        knobs["anchor"] = "center"
        if "copies" not in own and own["position"] not in ("random", "on", "off"):
            knobs["copies"] = _count(own["position"])
    if knobs.get("band") and "position" in own and "band" not in own:
        raise ConfigError(
            f"The preset {name} writes in bands beside the image, so it has no position: omit "
            "the position, or give band=0."
        )
    varies = {k: v for k, v in (knobs.pop("varies", None) or {}).items() if k not in own}
    return {**knobs, **({"varies": varies} if varies else {}), **own}


def _count(position: Any) -> int:
    several = not isinstance(position, str) and len(position) and not _is_number(position[0])
    return len(position) if several else 1


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def preset(name: str, word: str, **knobs: Any) -> TypographicAttack:
    """The attack of a preset with one word; knobs given win over the preset's.

    Example:
        >>> preset("distill", "pizza").copies
        8
    """
    return TypographicAttack(word=word, **preset_knobs(name, knobs))


def distill(word: str, **knobs: Any) -> TypographicAttack:
    """The eight fixed places of Goh et al. 2021."""
    return preset("distill", word, **knobs)


def defense_prefix(word: str, **knobs: Any) -> TypographicAttack:
    """One word of random font, colours, size and place (Azuma and Matsui 2023)."""
    return preset("defense_prefix", word, **knobs)


def dyslexify(word: str, **knobs: Any) -> TypographicAttack:
    """One word at the bottom centre (Hufe et al. 2026)."""
    return preset("dyslexify", word, **knobs)


def multi_image(word: str, **knobs: Any) -> TypographicAttack:
    """Eight yellow copies at random places (Wang et al. 2025)."""
    return preset("multi_image", word, **knobs)


def self_generated(word: str, **knobs: Any) -> TypographicAttack:
    """The word in white bands above and below the image (Qraitem et al. 2024)."""
    return preset("self_generated", word, **knobs)


def sticky_note(word: str, **knobs: Any) -> TypographicAttack:
    """A handwritten note stuck on the scene, seen at an angle, with a shadow."""
    return preset("sticky_note", word, **knobs)
