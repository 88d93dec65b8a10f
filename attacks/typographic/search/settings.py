"""Settings of a search on one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from attacks.typographic.settings import Asking, Guarding
from clipprobe.settings import Flag, Settings, Texts
from clipprobe.settings.shared import Output, Progress, Random
from clipprobe.settings.values import listed

if TYPE_CHECKING:
    from PIL import Image

    ImageLike = str | Path | Image.Image
else:
    ImageLike = Any

COLORS = ("white", "black", "red", "yellow", "blue")
SIZES = (0.07, 0.085, 0.1, 0.12, 0.145, 0.175, 0.21, 0.25, 0.3)
OPACITIES = (0.25, 0.4, 0.6, 0.8, 1.0)
PLACES = 6


def _texts(value: Any) -> Any:
    """``red,blue`` as two texts; a list is left as it is."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _numbers(value: Any) -> Any:
    """``0.1,0.2`` as two numbers; a list is left as it is."""
    try:
        return tuple(map(float, _texts(value))) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"{value!r} is not a list of numbers: give them as 0.1,0.2.") from None


Numbers = Annotated[Sequence[float], BeforeValidator(_numbers)]
Parts = Annotated[Texts, BeforeValidator(_texts)]


@dataclass(frozen=True)
class AttackSearch(Progress, Asking, Guarding, Random, Output):
    """Search the least visible text on IMAGE that flips the model's answer.

    What is found is the best of many tries and is reported so: with the success at every smaller
    budget, and with the same search over nonsense words as the control. The target's name is
    written, or one of the eight wrong classes that the model ranks highest, unless --words or
    --word name others. Black letters have a white line around them.
    """

    panel: ClassVar[str] = "Search"
    image: Annotated[ImageLike, Flag(argument=True, takes=Path)]
    """The image."""
    label: str
    """What it shows: one of the classes."""
    classes: Annotated[
        Sequence[str] | str | Path, BeforeValidator(listed), Flag(takes=Path, many=False)
    ]
    """A text file, one candidate class a line; every label must be among them."""
    _: KW_ONLY
    target: Annotated[str | None, Flag(default="any wrong one")] = None
    """The class that the answer shall become."""
    words: Annotated[Sequence[str] | Path | None, BeforeValidator(listed), Flag(where="file")] = (
        None
    )
    """What may be written: a file, one word per line, or a list."""
    max_area: Annotated[float, Gt(0), Le(1)] = 0.1
    """Largest share of pixels inked."""
    queries: Annotated[int, Ge(2)] = 500
    """Images shown for the words, and as many for the control with nonsense words."""
    places: Annotated[int, Ge(1), Le(64)] = PLACES
    """Rows and columns of places."""
    sizes: Annotated[Numbers, Flag(takes=str, many=False, default="nine from 0.07 to 0.3")] = SIZES
    """Line heights to try, as fractions: 0.08,0.12,0.2."""
    opacities: Annotated[Numbers, Flag(takes=str, many=False)] = OPACITIES
    """Opacities to try: 0.5,1."""
    colors: Annotated[Parts, Flag(takes=str, many=False)] = COLORS
    """Colours to try: white,#ff0000."""
    knobs: Annotated[Mapping[str, Sequence[Any]], Flag(where="file")] = field(default_factory=dict)
    """Other settings of the attack, and the values to try."""
    fixed: Annotated[Mapping[str, Any], Flag(where="file")] = field(default_factory=dict)
    """Other settings of the attack, and the one value they have."""
    draw_at: Literal["model", "image"] = "model"
    """Resolution of the text: model draws on the image as the model sees it, image at its own."""
    batch_size: Annotated[int, Ge(1)] = 32
    """Images in one forward pass."""


@dataclass(frozen=True, kw_only=True)
class OtherKnobs(Settings):
    """What else a search tries, as flags; a file and Python say it with ``knobs`` and ``fixed``."""

    panel: ClassVar[str] = "Search"
    fonts: Annotated[
        Parts, Flag(takes=str, many=False, default="DejaVuSans-Bold", where="flag", also="font")
    ] = ()
    """Fonts to try, with commas: bundled ones, or .ttf or .otf files of your own."""
    rotations: Annotated[Numbers, Flag(takes=str, many=False, default="0", where="flag")] = ()
    """Degrees to try: -15,0,15."""
    outline: Annotated[str | None, Flag(default="black", where="flag")] = None
    """Colour of a line around the letters: a name or #rrggbb, or none."""

    def into(self, knobs: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
        """The fields ``knobs`` and ``fixed`` of a search, with what the flags say."""
        values, one = dict(knobs), dict(fixed)
        if self.fonts:
            values["font"] = tuple(self.fonts)
        if self.rotations:
            values["rotation"] = tuple(self.rotations)
        if self.outline is not None:
            one["outline"] = None if self.outline == "none" else self.outline
        return {"knobs": values, "fixed": one}
