"""What a search may vary: words, places, sizes, colours, opacity, and any other knob.

A *point* is one number for each axis: a word, a row and a column of a grid of places, a size, ...
Axes are *ordered* (a neighbour is one step away) or not (every other value is a neighbour). The
*visibility* of a point is what is minimised: the share of pixels that its ink covers, times its
opacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.attack.knobs import KNOBS
from attacks.typographic.rendering.unwritten import Unwritten, unwritten
from attacks.typographic.search.settings import COLORS, OPACITIES, PLACES, SIZES
from clipprobe.errors import ConfigError
from clipprobe.runs.jsonio import AsJson
from clipprobe.stimuli.text import DEFAULT_FONT, placeholder, rgb

Point = tuple[int, ...]


def unwritten_by(
    words: Iterable[str], knobs: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any]
) -> Unwritten:
    """The words that some way of writing that a search may try cannot write, and why."""
    ways = {
        name: list(knobs.get(name, [fixed[name]] if name in fixed else []))
        for name in ("font", "script", "case")
    }
    why: Unwritten = {}
    for values in product(*(values or [None] for values in ways.values())):
        way = {name: value for name, value in zip(ways, values, strict=True) if value is not None}
        word = placeholder(way.get("font", DEFAULT_FONT))
        why = {**unwritten(TypographicAttack(word=word, **way), words), **why}
    return why


_ORDERED = ("row", "column", "size", "opacity", "rotation")
#: Axes whose lower values are less visible: bisected once a flip is found.
SHRINK = ("size", "opacity")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace(AsJson):
    """The values that a search may combine.

    ``words``: what may be written.
    ``places``: rows and columns of the grid of places for the label's centre.
    ``sizes``, ``opacities``: rising, in (0, 1].
    ``colors``: names or hex values.
    ``knobs``: other fields of ``TypographicAttack``: name -> values to try.
    ``fixed``: other fields: name -> the one value they have.
    """

    words: tuple[str, ...]
    places: int = PLACES
    sizes: tuple[float, ...] = SIZES
    opacities: tuple[float, ...] = OPACITIES
    colors: tuple[str, ...] = COLORS
    knobs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = ("position", "copies", "size", "opacity", "color", "fit")
        for name in (*self.knobs, *self.fixed):
            if name not in KNOBS or name in own:
                raise ConfigError(
                    f"A search has no knob {name!r}: use sizes, opacities, colors, places, or one "
                    f"of {', '.join(k for k in KNOBS if k not in own)}."
                )
        if isinstance(self.places, bool) or not 1 <= self.places <= 64:
            raise ConfigError(f"places={self.places!r} is out of range: give 1 to 64.")
        for name in ("sizes", "opacities"):
            values = getattr(self, name)
            if not values or list(values) != sorted(set(values)):
                raise ConfigError(f"{name}={values!r} must be different numbers that rise.")
        for name, values in self.axes.items():
            if not values or len(set(values)) < len(values):
                raise ConfigError(f"The search has no values, or one twice, for {name!r}.")
        # Every single value must be one that an attack takes; glyphs are checked with the words.
        first = [0] * len(self.axes)
        for axis, values in enumerate(self.axes.values()):
            for i in range(len(values)):
                point = list(first)
                point[axis] = i
                self.attack(tuple(point))

    @property
    def axes(self) -> dict[str, Sequence[Any]]:
        """Axis -> its values, the word first."""
        return {
            "word": self.words,
            "row": range(self.places),
            "column": range(self.places),
            "color": self.colors,
            **self.knobs,
            "size": self.sizes,
            "opacity": self.opacities,
        }

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(values) for values in self.axes.values())

    def axis(self, name: str) -> int:
        """Which entry of a point is that of an axis."""
        return list(self.axes).index(name)

    def ordered(self, name: str) -> bool:
        """Whether neighbours on an axis are one step away."""
        return name in _ORDERED

    def values(self, point: Point) -> dict[str, Any]:
        """The point in words: axis -> value, with ``x`` and ``y`` of the place."""
        levels = {
            name: values[i] for (name, values), i in zip(self.axes.items(), point, strict=True)
        }
        column, row = levels.pop("column"), levels.pop("row")
        return {**levels, "x": (column + 0.5) / self.places, "y": (row + 0.5) / self.places}

    def attack(self, point: Point, *, word: str | None = None) -> TypographicAttack:
        """The attack at a point; with another word in its place where one is given."""
        values = self.values(point)
        place = (values.pop("x"), values.pop("y"))
        if word is not None:
            values["word"] = word
        # A word that would be shrunk is not a point of its own: sizes mean what they say.
        settings = {**values, **self.fixed}
        if rgb(settings["color"]) == (0, 0, 0):  # the usual outline is black: a blot, no letters
            settings.setdefault("outline", "white")
        return TypographicAttack(position=place, fit="error", **settings)
