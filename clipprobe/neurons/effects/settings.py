"""Settings of the runs of effects: predicted and measured, units like one unit, compositions."""

from __future__ import annotations

from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.neurons.settings import Counted
from clipprobe.settings import HOW, Flag, Texts
from clipprobe.settings.shared import (
    Batches,
    Compared,
    Images,
    ImagesLike,
    Inference,
    Output,
    Pool,
    Random,
    Sites,
)


@dataclass(frozen=True)
class EffectTest(Batches, Counted, Random, Output, Sites, Compared, Images):
    """Compare predicted with measured effects: as a function takes it."""

    panel: ClassVar[str] = "Effects"
    images: ImagesLike
    texts: Annotated[Texts, Flag(name="text")]
    sites: Annotated[Texts | None, Flag(default="the heads and neurons of every block")] = None
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]  # in memory
    _: KW_ONLY
    per_site: Annotated[int | None, Ge(3)] = 24
    """Units drawn from each hook point."""
    method: Literal["zero", "mean"] = "zero"
    """What a unit is replaced with."""
    steps: Annotated[int, Ge(1)] = 1
    """Gradients along each unit's path that predict its removal; 1 is one backward pass for all."""
    probes: Annotated[int, Ge(0)] = 0
    """Probes of the second-order term, each two more passes for all units of a hook point."""


@dataclass(frozen=True)
class EffectVerb(EffectTest):
    """What removing heads and neurons does: predicted by attribution patching, and measured."""

    panel: ClassVar[str] = "Effects"
    out: Annotated[str | Path, HOW] = Path("runs/effects")
    _: KW_ONLY
    limit: Annotated[int | None, Ge(1)] = 32


@dataclass(frozen=True)
class SimilarTest(Inference, Counted, Output, Pool, Sites, Images):
    """The units most similar and most opposed: by what they respond to, and by what they write."""

    panel: ClassVar[str] = "Units"
    images: ImagesLike
    address: Annotated[str, Flag(name="unit", argument=True)]
    """A unit, as vision.blocks.3.mlp.post:17."""
    _: KW_ONLY
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]
    """Keep the result as a run, beside an atlas for its unit's sheet."""
    sites: Annotated[Texts | None, Flag(default="the unit's own kind in every block")] = None
    k: Annotated[int, Ge(1)] = 10
    """Units at either end."""


@dataclass(frozen=True)
class Composing(Inference, Counted, Random, Pool, Output, Sites, Images):
    """Which few units make a class, an emotion or a place: sparse logistic regression."""

    panel: ClassVar[str] = "Composition"
    images: ImagesLike | None = None
    """Labelled images, whose classes are composed: a folder, a metadata table, a WebDataset .tar,
    or a Hugging Face dataset."""
    _: KW_ONLY
    texts: Path | None = None
    """Instead of images: a CSV with text, label and maybe group."""
    emotions: bool = False
    """Instead of images: the bundled words of ten feelings."""
    target: Annotated[Texts, Flag(default="all")] = ()
    """A class; repeat for more."""
    max_units: Annotated[int | None, Ge(1), Flag(default="no limit")] = None
    """Use no more units than this."""
    out: Annotated[str | Path | None, HOW] = None  # type: ignore[assignment]
    """Keep the compositions as a run: everything as JSON, and a row per class and unit."""
