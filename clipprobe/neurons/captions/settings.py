"""Settings of captions of units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from clipprobe.neurons.settings import Counted
from clipprobe.settings import HOW, Flag, Settings, Texts, several
from clipprobe.settings.shared import Output, Pool, Random

if TYPE_CHECKING:
    from clipprobe.data import Dataset
    from clipprobe.neurons.words.lists import WordList

    CaptionsLike = WordList | Path | Sequence[str]
    Images = Dataset | str | Path | Sequence[Any]
else:
    CaptionsLike = Images = Any


@dataclass(frozen=True)
class CaptionTest(Counted, Random, Pool, Output):
    """Rank captions for units of one tower: as a function takes it."""

    panel: ClassVar[str] = "Captions"
    units: Annotated[Texts, BeforeValidator(several), Flag(name="unit")]
    """A unit, as vision.blocks.3.mlp.post:17; repeat for more."""
    captions: Annotated[
        CaptionsLike | None, Flag(takes=Path, many=False, default="bundled concepts in templates")
    ] = None
    """Captions, one per line."""
    _: KW_ONLY
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # in memory
    pool: str = "eos"
    """Of text units: eos, max, mean; none without tokens."""
    images: Annotated[Images | None, Flag(place=True, default="bundled images")] = None
    """Images to linearise vision units at."""
    subtract_mean: Annotated[bool, Flag(where="python")] = True
    """Subtract the mean over the captions."""
    top: Annotated[int, Ge(1)] = 10
    """Captions at either end of a unit."""
    n_random: Annotated[int, Ge(0), Flag(name="random")] = 999
    """Random directions that say what is chance."""


@dataclass(frozen=True)
class CaptionVerb(CaptionTest):
    """Captions along what a vision unit writes; or the prompts that activate a text unit most."""

    panel: ClassVar[str] = "Captions"
    units: Annotated[Texts, BeforeValidator(several), Flag(name="unit")] = ()
    _: KW_ONLY
    out: Annotated[str | Path, HOW] = Path("runs/captions")


@dataclass(frozen=True, kw_only=True)
class CaptionChoice(Settings):
    """More units, and what is done with the list, as flags say it."""

    panel: ClassVar[str] = "Captions"
    sites: Annotated[
        Texts,
        BeforeValidator(several),
        Flag(choices="clipprobe.hooks.names:USUAL", default="none, --unit is given"),
    ] = ()
    """Hook points, as names or globs; repeat for more."""
    keep_mean: bool = False
    """Do not subtract the mean over the captions."""
    keep_offensive: bool = False
    """Leave slurs and sexual words in your own list; what is printed can be hateful."""
