"""What an attack is made of: the word and every knob of how and where it is written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from attacks.typographic.attack.lettering import Case, Script, written
from attacks.typographic.attack.placement import Position, checked_position
from clipprobe.errors import ConfigError
from clipprobe.stimuli.text import DEFAULT_FONT, Color, Fit, rgb

Anchor = Literal["center", "baseline"]
MAX_TILT = 75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackDescription:
    """A word and how it is written; what can be read off without an image."""

    word: str
    """What is written."""
    size: float = 0.2
    """Line height (top of ``d`` to foot of ``p``) as a fraction of the image's short side."""
    position: Position = "random"
    """``random``; ``on`` or ``off`` the object (needs ``object_mask``); ``center``, an edge or a
    corner such as ``top-left``; a cell ``r1c1`` to ``r4c4``; the centre of the label as fractions
    ``(x, y)``; or one such pair for each copy."""
    copies: int = 1
    """How often, 1 to 16; copies at random places do not overlap."""
    color: Color = "white"
    """Colour of the letters."""
    opacity: float = 1.0
    """Of the whole label, above 0 and at most 1."""
    contrast: float | None = None
    """WCAG ratio, 1 to 21, of the letters to what lies under them; the colour is made lighter or
    darker to reach it. What was reached is ``spec["contrast_measured"]``."""
    outline: Color | None = "black"
    """Colour of a line around the letters."""
    outline_width: float = 0.06
    """Width of that line in line heights; at least 1 px."""
    background: Color | None = None
    """Colour of a box behind the letters."""
    padding: float = 0.25
    """How much larger than the ink the box is on each side, in line heights."""
    shadow: float = 0.0
    """Darkness, 0 to 1, of the shadow that the box throws."""
    rotation: float = 0.0
    """Degrees, counter-clockwise."""
    perspective: float | tuple[float, float] = 0.0
    """Degrees, up to 75, by which the label is turned about its vertical axis (the right side goes
    away), or about the vertical and the horizontal axis (the top goes away)."""
    blur: float = 0.0
    """Standard deviation of a Gaussian blur of the label, in line heights, 0 to 1."""
    downscale: float = 1.0
    """Resolution that is left of the label, as from a distance: above 0, 1 is all of it."""
    font: str = DEFAULT_FONT
    """A bundled font; :func:`clipprobe.stimuli.text.fonts` lists them."""
    case: Case = "as-is"
    """``as-is``, ``lower``, ``upper`` or ``title``."""
    script: Script = "as-is"
    """``cyrillic`` or ``greek`` (by sound), ``cyrillic-lookalikes``, ``greek-lookalikes`` or
    ``leetspeak`` (by shape)."""
    mirrored: bool = False
    """Left and right of the label exchanged."""
    misspelt: int = 0
    """Number of typing mistakes, 0 to 4."""
    repeated: int = 1
    """Times that the word stands in one label, under itself, 1 to 8."""
    band: float = 0.0
    """Height of a white band added above and one below, as a fraction of the image's height; then
    the copies stand in the bands, the first on top, and hide nothing."""
    anchor: Anchor = "center"
    """What stands on the place: the ``center`` of the label, or the pen at the left end of the
    ``baseline``, so that words of any length begin at the same place."""
    fit: Fit = "shrink"
    """What to do with a word that is too long: ``shrink``, ``wrap`` or ``error``."""
    varies: Mapping[str, Sequence[Any]] | None = None
    """Knobs that are drawn anew for each image, and the values to draw from."""
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
        if self.varies is not None:
            settings["varies"] = {name: list(values) for name, values in self.varies.items()}
        return settings


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
            f"perspective={perspective!r} is no tilt: give one angle or two, from -{MAX_TILT:g} to "
            f"{MAX_TILT:g} degrees."
        )
    return float(pair[0]), float(pair[1])


def number(value: object) -> bool:
    """Whether it is a finite number."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]
