"""Whether the knobs of an attack have values that can be used; said before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from attacks.typographic.attack.bands import MAX_BAND
from attacks.typographic.attack.contrast import MAX_CONTRAST
from attacks.typographic.attack.description import Anchor, AttackDescription, number, tilt
from attacks.typographic.attack.lettering import MAX_EDITS, MAX_REPEATS, Case, Script
from attacks.typographic.attack.placement import checked_position
from clipprobe.errors import ConfigError
from clipprobe.stimuli.text import Fit, font_info, rgb, writable

MAX_COPIES = 16
_CHOICES = {"case": Case, "fit": Fit, "script": Script, "anchor": Anchor}
#: Knob -> least and greatest value, and whether the least one itself is allowed.
_RANGES: dict[str, tuple[float, float, bool]] = {
    "opacity": (0, 1, False),
    "outline_width": (0, 0.5, False),
    "padding": (0, 3, True),
    "shadow": (0, 1, True),
    "blur": (0, 1, True),
    "downscale": (0, 1, False),
    "band": (0, MAX_BAND, True),
}
_WHOLE = {"copies": (1, MAX_COPIES), "misspelt": (0, MAX_EDITS), "repeated": (1, MAX_REPEATS)}


def check(attack: AttackDescription) -> None:
    """Refuse an attack that cannot be drawn on any image.

    Raises:
        ConfigError: a value is out of range or two knobs contradict each other.
        GlyphError: the font lacks a glyph of the text.
    """
    if not (number(attack.size) and 0 < attack.size <= 1):
        raise ConfigError(
            f"size={attack.size!r} is no fraction of the short side: give a number in (0, 1]."
        )
    for name, (low, high) in _WHOLE.items():
        value = getattr(attack, name)
        if isinstance(value, bool) or not (isinstance(value, int) and low <= value <= high):
            raise ConfigError(f"{name}={value!r} is out of range: give {low} to {high}.")
    for name, (least, most, closed) in _RANGES.items():
        value = getattr(attack, name)
        if not (number(value) and (least < value <= most or (closed and value == least))):
            bracket = "[" if closed else "("
            raise ConfigError(
                f"{name}={value!r} is out of range: give a number in {bracket}{least:g}, {most:g}]."
            )
    if not number(attack.rotation):
        raise ConfigError(f"rotation={attack.rotation!r} is no angle: give degrees.")
    if not isinstance(attack.mirrored, bool):
        raise ConfigError(f"mirrored={attack.mirrored!r} is unknown: give true or false.")
    tilt(attack.perspective)
    if attack.contrast is not None and not (
        number(attack.contrast) and 1 <= attack.contrast <= MAX_CONTRAST
    ):
        raise ConfigError(
            f"contrast={attack.contrast!r} is no contrast ratio: give a number from 1 to 21."
        )
    for name, choices in _CHOICES.items():
        if getattr(attack, name) not in get_args(choices):
            raise ConfigError(
                f"{name}={getattr(attack, name)!r} is unknown: use one of "
                f"{', '.join(get_args(choices))}."
            )
    places = checked_position(attack.position, attack.copies)
    if attack.band and isinstance(attack.position, str) and places != "random":
        raise ConfigError(
            f"position={attack.position!r} and band={attack.band} contradict each other: with "
            "bands the text stands in them, so leave the position away."
        )
    if attack.shadow and attack.background is None:
        raise ConfigError(
            f"shadow={attack.shadow} needs something that throws it: give a background too."
        )
    font_info(attack.font)
    for color in (attack.color, attack.outline, attack.background):
        if color is not None:
            rgb(color)
    if not isinstance(attack.word, str):
        raise ConfigError(f"word={attack.word!r} is no text: give the word to write.")
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
