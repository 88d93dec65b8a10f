"""Settings of the probe of rendered words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.neurons.settings import Counted, Units
from clipprobe.settings import HOW, Flag, Settings, Texts
from clipprobe.settings.shared import Batches, Output, Random

if TYPE_CHECKING:
    from clipprobe.neurons.words.grid import WordGrid
    from clipprobe.neurons.words.lists import WordList

    Grid = WordGrid | Mapping[str, Any]
    WordsLike = WordList | Path | Sequence[str]
else:
    Grid = WordsLike = Any


def _plain_grid(value: Any) -> Any:
    """A grid as the mapping that makes it, so that a call can keep it."""
    if value is None:
        return None
    from clipprobe.neurons.words.grid import WordGrid

    if not isinstance(value, WordGrid):
        lists = {name: tuple(one) if isinstance(one, list) else one for name, one in value.items()}
        value = WordGrid(**lists)
    return value.to_json()


@dataclass(frozen=True)
class WordTest(Batches, Counted, Random, Output, Units):
    """Show every word to the vision tower: as a function takes it."""

    panel: ClassVar[str] = "Words"
    words: Annotated[
        WordsLike | None, Flag(takes=Path, many=False, default="10,000 common English words")
    ] = None
    """Words, one per line."""
    _: KW_ONLY
    grid: Annotated[Grid | None, BeforeValidator(_plain_grid), Flag(where="python")] = None
    """Fonts, sizes and places; :class:`clipprobe.neurons.words.WordGrid` has the defaults."""
    top: Annotated[int, Ge(1)] = 20
    """Words at either end of a unit."""
    n_scrambled: Annotated[int, Ge(0), Flag(name="scrambled")] = 200
    """Letter strings that serve as a control."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # in memory


@dataclass(frozen=True)
class WordVerb(WordTest):
    """Which written words, shown as images, activate each vision unit."""

    panel: ClassVar[str] = "Words"
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = Path("runs/words")


@dataclass(frozen=True, kw_only=True)
class WordChoice(Settings):
    """Which words of a list, and what is printed of the result."""

    panel: ClassVar[str] = "Words"
    limit: Annotated[int | None, Ge(1), Flag(default="all")] = None
    """Only the first N words."""
    keep_offensive: bool = False
    """Leave slurs and sexual words in your own list; what is printed can be hateful."""
    unit: Texts = ()
    """A unit, as vision.blocks.3.mlp.post:17; repeat for more."""
    distill: Annotated[Path | None, Flag(name="compare-distill")] = None
    """The Distill article's folder regional (units.json, top_words.json): overlap with its
    published top words."""


@dataclass(frozen=True, kw_only=True)
class GridFlags(Settings):
    """How each word is rendered."""

    panel: ClassVar[str] = "Rendering"
    fonts: Annotated[Texts, Flag(default="DejaVuSans-Bold, DejaVuSerif-Bold, ComicNeue-Bold")] = ()
    """A bundled font; repeat for more."""
    sizes: Annotated[Sequence[float], Flag(default="0.15, 0.25")] = ()
    """Line height as a share of the image; repeat for more."""
    places: Annotated[Texts, Flag(default="center, top, bottom")] = ()
    """center, top, bottom-left, …; repeat for more."""
    ink: str = "black"
    """Colour of the letters."""
    ground: str = "white"
    """Colour behind them."""

    def grid(self) -> WordGrid:
        """The grid that they make.

        Raises:
            ConfigError: a font, size, place or colour cannot be used.
        """
        from clipprobe.neurons.words.grid import WordGrid

        lists = {"fonts": self.fonts, "sizes": self.sizes, "places": self.places}
        fields: Any = {name: value for name, value in lists.items() if value}
        return WordGrid(ink=self.ink, ground=self.ground, **fields)
