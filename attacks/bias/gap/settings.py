"""Settings of the explanation of one gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from attacks.bias.settings import Advance, AnnotatedImages, Bootstrap, WordList
from clipprobe.settings import Flag
from clipprobe.settings.shared import ImagesLike, Inference, Output, Random
from clipprobe.tracing.sizes import BAND


@dataclass(frozen=True)
class GapExplanation(Advance, Bootstrap, Random, Inference, WordList, Output, AnnotatedImages):
    """Rank heads and neurons by what they add to a gap, take them out, compare with random sets."""

    panel: ClassVar[str] = "Gap"
    images: Annotated[ImagesLike, Flag(place=True)]
    column: Annotated[str, Flag(name="groups")]
    """Column with the annotated groups."""
    word: str
    """The word whose gap is explained; one of the words asked about."""
    group: str
    """The group that is compared with the rest."""
    _: KW_ONLY
    kinds: Annotated[Sequence[Literal["neuron", "head"]], Flag(name="kind")] = ("neuron", "head")
    """Kind of unit; those that a model lacks are left out, with the reason. Repeat for more."""
    n_random: Annotated[int, Ge(BAND)] = 100
    """Random sets of units, the control, at the size that the ranking half chooses."""
    limit: Annotated[int | None, Ge(1), Flag()] = 1000
