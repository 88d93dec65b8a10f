"""Checking the settings of an audit before anything is loaded or written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.knobs import KNOBS
from attacks.typographic.attack.presets import preset_knobs
from clipprobe.errors import ConfigError, nearest
from clipprobe.stimuli.text import DEFAULT_FONT, font_info, placeholder


def prototype(knobs: Mapping[str, Any], seed: int) -> TypographicAttack:
    """The attack of an audit; its word is a placeholder.

    Args:
        knobs: Fields of an attack, and ``preset`` for the name of one whose knobs they change.
    Raises:
        ConfigError: a knob is unknown, or a value cannot be used.
    """
    settings = dict(knobs)
    preset = settings.pop("preset", None)
    for name in settings:
        if name not in KNOBS:
            hint = nearest(name, (*KNOBS, "preset"))
            raise ConfigError(f"An attack has no setting {name!r}: {hint}")
    if settings.get("position") in ("on", "off"):
        raise ConfigError(
            f"position={settings['position']!r} needs a mask of the object in every image, which "
            "an audit does not have: use another position, or TypographicAttack with object_mask."
        )
    if preset is not None:
        settings = preset_knobs(preset, settings)
    font = font_info(str(settings.get("font", DEFAULT_FONT))).name
    settings["font"] = font  # a file by its content: paths differ between machines
    return TypographicAttack(word=placeholder(font), seed=seed, **settings)
