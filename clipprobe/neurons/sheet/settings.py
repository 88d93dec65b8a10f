"""Settings of ``neurons show`` and ``search``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag, Settings, Texts
from clipprobe.settings.shared import Sites

DEFAULT_ATLAS = Path("runs/atlas")


@dataclass(frozen=True, kw_only=True)
class AtlasFolder(Settings):
    """An atlas that is read, and the runs of other instruments that go with it."""

    panel: ClassVar[str] = "Atlas"
    atlas: Path = DEFAULT_ATLAS
    """The run folder that `clipprobe neurons scan` wrote."""
    runs: Annotated[Sequence[Path], Flag(name="with", default="those in its folder of runs")] = ()
    """A run of another instrument (words, multimodal, labels, effects, …); repeat for more. Those
    in the folder of runs that holds the atlas are found without."""


@dataclass(frozen=True, kw_only=True)
class UnitSheet(AtlasFolder):
    """One unit: its numbers, what lies along its range, what other instruments found."""

    panel: ClassVar[str] = "Sheet"
    unit: Annotated[str, Flag(argument=True)]
    """A unit, as vision.blocks.3.mlp.post:17."""
    out: Annotated[Path | None, HOW] = None
    """Write the unit's sheet here, with images and the unit's activation on them."""
    picture_size: Annotated[int, Ge(16), Le(512)] = 128
    """Longest side of an image, in pixels."""


@dataclass(frozen=True, kw_only=True)
class UnitSearch(Sites, AtlasFolder):
    """Units by word, concept, property or statistic, or by what their strongest images show."""

    panel: ClassVar[str] = "Search"
    sites: Annotated[Texts | None, Flag(default="all")] = None
    kind: Annotated[
        str | None, Flag(name="property", choices="clipprobe.neurons.atlas.properties:names")
    ] = None
    """selective, dead, always-on, constant; multimodal, reads-text (from a run of `neurons
    multimodal`). The definition is printed."""
    find: str | None = None
    """One line for all: words, concepts, labels, conditions, properties, addresses, as
    'dog peak>5 post:17'."""
    word: str | None = None
    """Units with this word, as an image, among their top words."""
    concept: str | None = None
    """Units that a label or a multimodality test ties to it."""
    label: str | None = None
    """Units whose strongest images have this label."""
    where: Texts = ()
    """A condition on a statistic, as 'sparsity>=0.99'; repeat for more."""
    limit: Annotated[int, Ge(1)] = 20
    """At most N units."""
