"""Settings of the Stroop audit, and the cards that it shows unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from clipprobe.settings import Flag, Texts
from clipprobe.settings.shared import Inference, Output, Progress, Random

if TYPE_CHECKING:
    from clipprobe.stimuli.text import Color
else:  # refused by clipprobe.stimuli.text, which draws
    Color = Any

Presentation = Literal["upright", "mirrored", "inverted", "negative"]

GROUNDS: tuple[Color, ...] = ("white", (128, 128, 128), (24, 24, 24), (205, 205, 205))
FONTS = ("DejaVuSans-Bold", "Roboto-Bold", "DejaVuSerif-Bold", "CourierPrime-Bold")
SIZES = (0.22, 0.32)
CONTROL = "example"
PRESENTATIONS: tuple[Presentation, ...] = ("upright", "mirrored", "inverted", "negative")
#: The sentence of Goh et al. 2021.
INK_TEMPLATES = ("my favorite word, written in the color {}",)
WORD_TEMPLATES = ("the word {}", "text that reads {}")


def _triples(colors: Sequence[Any]) -> tuple[Any, ...]:
    """Red, green and blue as a tuple: a list, as in JSON, would be another value in the table."""
    return tuple(tuple(color) if isinstance(color, list) else color for color in colors)


@dataclass(frozen=True)
class StroopAudit(Progress, Random, Inference, Output):
    """Show colour words in coloured ink; ask for the ink and for the word.

    Reports how often the ink, the word or another colour is named, upright, mirrored, upside down
    and with figure and ground exchanged, against a control word that is not a colour.
    """

    panel: ClassVar[str] = "Stroop audit"
    _: KW_ONLY
    images: Annotated[str | Path | None, Flag(takes=str, place=True)] = None
    """A folder of {ink}_{word}.png to use instead of drawn cards; its sub-folders (stroop_mir,
    stroop_inv) are presentations of their own."""
    colours: Annotated[
        Mapping[str, Color] | Sequence[str] | None,
        Flag(name="colour", default="the eight of the paper"),
    ] = None
    """An ink, by name; repeat for more. In a file or in Python also names with values."""
    control: str = CONTROL
    """A word that is not a colour."""
    nonsense: Annotated[int, Ge(0)] = 2
    """How many nonsense words."""
    presentations: Annotated[Sequence[Presentation], Flag(name="presentation", default="all")] = (
        PRESENTATIONS
    )
    """Cards as they are, mirrored, inverted (upside down) or negative (figure and ground
    exchanged); repeat for more."""
    fonts: Annotated[
        Texts, Flag(name="font", choices="clipprobe.stimuli.text:fonts", place=True)
    ] = FONTS
    """A bundled font, or a .ttf or .otf file of your own; repeat for more."""
    sizes: Annotated[Sequence[Annotated[float, Gt(0), Le(1)]], Flag(name="size")] = SIZES
    """Line height as a fraction of the side; repeat for more."""
    grounds: Annotated[
        Sequence[Color],
        AfterValidator(_triples),
        Flag(name="ground", default="white and three greys"),
    ] = GROUNDS
    """Colour of the ground; repeat for more."""
    variants: Annotated[int, Ge(1)] = 4
    """Cards of each ink, word and presentation."""
    ink_templates: Annotated[Texts, Flag(name="ink-template")] = INK_TEMPLATES
    """A text with {} for the colour of the ink."""
    word_templates: Annotated[Texts, Flag(name="word-template")] = WORD_TEMPLATES
    """A text with {} for the written word."""
