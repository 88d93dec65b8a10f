"""What an attack is made of: the word and every knob of how and where it is written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from pydantic.dataclasses import dataclass

from attacks.typographic.attack.knobs import Knobs
from attacks.typographic.attack.lettering import written
from attacks.typographic.attack.placement import checked_position
from clipprobe.errors import ConfigError
from clipprobe.stimuli.text import font_info, rgb

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
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]
