"""What an attack is made of: the word and every knob of how and where it is written.

Whether the knobs have values that can be used is said before anything is drawn.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from pydantic.dataclasses import dataclass

from attacks.typographic.attack.knobs import Knobs
from attacks.typographic.attack.lettering import written
from attacks.typographic.attack.placement import checked_position
from clipprobe.errors import ConfigError
from clipprobe.stimuli.text import font_info, rgb, writable

MAX_TILT = 75.0


@dataclass(frozen=True, kw_only=True)
class AttackDescription(Knobs):
    """A word and how it is written; what can be read off without an image."""

    word: str
    """What is written."""
    seed: int = 0
    """Decides what is random, together with the image's id."""

    @property
    def text(self) -> str:
        """What is written: the word misspelt, in its script and case, and repeated."""
        return written(
            self.word,
            case=self.case,
            script=self.script,
            misspelt=self.misspelt,
            repeated=self.repeated,
            seed=self.seed,
        )

    def to_json(self) -> dict[str, Any]:
        """Every setting, as plain JSON types."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("color", "outline", "background"):
            if settings[name] is not None:
                settings[name] = "#{:02x}{:02x}{:02x}".format(*rgb(settings[name]))
        if not isinstance(self.position, str):
            places = checked_position(self.position, self.copies)
            settings["position"] = [list(place) for place in places]
        settings["perspective"] = list(tilt(self.perspective))
        settings["font"] = font_info(self.font).name  # of a file, which lies elsewhere elsewhere
        if self.varies is not None:
            varies = {name: list(values) for name, values in self.varies.items()}
            if "font" in varies:
                varies["font"] = [font_info(font).name for font in varies["font"]]
            settings["varies"] = varies
        return settings

    def lettering(self) -> dict[str, Any]:
        """Every setting but the word: how any word is written."""
        return {name: value for name, value in self.to_json().items() if name != "word"}


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


def tilt(perspective: Any) -> tuple[float, float]:
    """Turn about the vertical and the horizontal axis, in degrees.

    Raises:
        ConfigError: neither one angle nor two, or one beyond 75 degrees.
    """
    pair = [perspective, 0.0] if number(perspective) else perspective
    if (
        isinstance(pair, str)
        or not isinstance(pair, Sequence)
        or len(pair) != 2
        or not all(number(angle) and abs(angle) <= MAX_TILT for angle in pair)
    ):
        raise ConfigError(
            f"perspective={perspective!r} is not a tilt: give one angle or two, from -{MAX_TILT:g} "
            f"to {MAX_TILT:g} degrees."
        )
    return float(pair[0]), float(pair[1])


def number(value: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
