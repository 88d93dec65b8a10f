"""Whether the knobs of an attack have values that can be used; said before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attacks.typographic.attack.description import AttackDescription, tilt
from attacks.typographic.attack.placement import checked_position
from clipprobe.errors import ConfigError
from clipprobe.stimuli.text import font_info, rgb, writable


def check(attack: AttackDescription) -> None:
    """Refuse an attack that cannot be drawn on any image.

    Raises:
        ConfigError: a value is out of range or two knobs contradict each other.
        GlyphError: the font lacks a glyph of the text.
    """
    tilt(attack.perspective)
    places = checked_position(attack.position, attack.copies)
    if attack.band and isinstance(attack.position, str) and places != "random":
        raise ConfigError(
            f"position={attack.position!r} and band={attack.band} contradict each other: with "
            "bands the text stands in them, so omit the position."
        )
    if attack.shadow and attack.background is None:
        raise ConfigError(
            f"shadow={attack.shadow} needs something that throws it: give a background too."
        )
    font_info(attack.font)
    for color in (attack.color, attack.outline, attack.background):
        if color is not None:
            rgb(color)
    writable(attack.text, attack.font)


def check_varied(attack: AttackDescription, knobs: Sequence[str]) -> None:
    """Refuse values to draw from that could not be given as the knob itself.

    Raises:
        ConfigError: an unknown knob, no value, or a value that cannot be used.
    """
    import dataclasses

    varies = attack.varies
    if not isinstance(varies, Mapping):
        raise ConfigError("varies must be a mapping of knobs to lists of values.")
    for name, values in varies.items():
        if name not in knobs:
            raise ConfigError(f"varies names no knob with {name!r}: use one of {', '.join(knobs)}.")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ConfigError(f"varies[{name!r}] must be a list of at least one value.")
        for value in values:
            dataclasses.replace(attack, varies=None, **{name: value})
