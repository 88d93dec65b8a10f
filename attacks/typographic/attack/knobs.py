"""How a word is written: every knob of an attack, each with its limits, default and help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.settings import Flag, Settings

Anchor = Literal["center", "baseline"]
Case = Literal["as-is", "lower", "upper", "title"]
Script = Literal[
    "as-is", "cyrillic", "greek", "cyrillic-lookalikes", "greek-lookalikes", "leetspeak"
]
if TYPE_CHECKING:
    from attacks.typographic.attack.placement import Position
    from clipprobe.stimuli.text import Color

    Tilt = float | tuple[float, float]
    Varies = Mapping[str, Sequence[Any]]
else:  # refused by attacks.typographic.attack.description, whose modules draw
    Position = Color = Tilt = Varies = Any


def place(text: Any) -> Any:
    """A name as it is, ``x,y`` as two numbers, ``x,y;x,y`` as a list of them.

    What is neither is left for the attack, which says what is wrong.
    """
    if not isinstance(text, str):
        return text
    pairs = [part for part in text.split(";") if part.strip()]
    try:
        numbers = [tuple(float(number) for number in pair.split(",")) for pair in pairs]
    except ValueError:
        return text
    if not numbers or any(len(pair) < 2 for pair in numbers):
        return text
    return numbers[0] if len(numbers) == 1 else numbers


def angles(text: Any) -> Any:
    """``30`` as a number, ``30,10`` as two."""
    if not isinstance(text, str):
        return text
    try:
        degrees = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"{text!r} is not an angle: give degrees, one such as 30 or two such as 30,10."
        ) from None
    return degrees[0] if len(degrees) == 1 else tuple(degrees)


def as_text(path: Any) -> Any:
    """A path as text."""
    return str(path) if isinstance(path, Path) else path


def _none(text: Any) -> Any:
    return None if text == "none" else text


@dataclass(frozen=True, kw_only=True)
class Knobs(Settings):
    """How a word is written on an image."""

    panel: ClassVar[str] = "Lettering"
    size: Annotated[float, Gt(0), Le(1)] = 0.2
    """Line height (top of d to foot of p) as a fraction of the image's short side."""
    position: Annotated[Position, BeforeValidator(place)] = "random"
    """random; center, an edge or a corner such as top-left; a cell r1c1 to r4c4; the centre of the
    label as fractions such as 0.5,0.25 (with ; between the places of several copies); on or off
    the object, where there is a mask of it."""
    copies: Annotated[int, Ge(1), Le(16)] = 1
    """How often; copies at random places do not overlap."""
    color: Color = "white"
    """Of the letters: a name or #rrggbb."""
    opacity: Annotated[float, Gt(0), Le(1)] = 1.0
    """Of the whole label."""
    contrast: Annotated[float | None, Ge(1), Le(21)] = None
    """WCAG ratio of the letters to what lies under them; the colour is made lighter or darker to
    reach it. What was reached is spec["contrast_measured"]."""
    outline: Annotated[Color | None, BeforeValidator(_none), Flag(takes=str)] = "black"
    """Colour of a line around the letters: a name or #rrggbb, or none."""
    outline_width: Annotated[float, Gt(0), Le(0.5)] = 0.06
    """Width of that line in line heights; at least 1 px."""
    background: Annotated[Color | None, BeforeValidator(_none), Flag(takes=str, default="none")] = (
        None
    )
    """Colour of a box behind the letters: a name or #rrggbb, or none."""
    padding: Annotated[float, Ge(0), Le(3)] = 0.25
    """How much larger than the ink the box is on each side, in line heights."""
    shadow: Annotated[float, Ge(0), Le(1)] = 0.0
    """Darkness of the shadow that the box throws."""
    rotation: float = 0.0
    """Degrees, counter-clockwise."""
    perspective: Annotated[Tilt, BeforeValidator(angles), Flag(takes=str)] = 0.0
    """Degrees, up to 75, by which the label is turned about its vertical axis (the right side goes
    away), or, as in 30,10, about the vertical and the horizontal axis (the top goes away)."""
    blur: Annotated[float, Ge(0), Le(1)] = 0.0
    """Standard deviation of a Gaussian blur of the label, in line heights."""
    downscale: Annotated[float, Gt(0), Le(1)] = 1.0
    """Resolution that is left of the label, as from a distance; 1 is all of it."""
    font: Annotated[
        str, BeforeValidator(as_text), Flag(choices="clipprobe.stimuli.text:fonts", place=True)
    ] = "DejaVuSans-Bold"
    """A bundled font, or a .ttf or .otf file of your own for any other script."""
    case: Case = "as-is"
    """Small letters, capitals, or as the word has them."""
    script: Script = "as-is"
    """Letters of another script, by sound (cyrillic, greek) or by shape (the others)."""
    mirrored: bool = False
    """Exchange left and right of the label."""
    misspelt: Annotated[int, Ge(0), Le(4)] = 0
    """Number of typing mistakes."""
    repeated: Annotated[int, Ge(1), Le(8)] = 1
    """Times that the word stands in one label, under itself."""
    band: Annotated[float, Ge(0), Le(1)] = 0.0
    """Height of a white band added above and one below, as a fraction of the image's height; then
    the copies stand in the bands, the first on top, and hide nothing."""
    anchor: Anchor = "center"
    """What stands on the place: the center of the label, or the pen at the left end of the
    baseline, so that words of any length begin at the same place."""
    fit: Literal["shrink", "wrap", "error"] = "shrink"
    """What to do with a word that is too long."""
    varies: Annotated[Varies | None, Flag(where="file")] = None
    """Knobs that are drawn anew for each image, and the values to draw from."""


KNOBS = tuple(field.name for field in fields(Knobs))
"""What of an attack can be set for a whole audit."""
