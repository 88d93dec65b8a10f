"""Settings of ``models``, ``hooks`` and ``similarity``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Batches, Compared, Model, Printing, Sites


@dataclass(frozen=True, kw_only=True)
class Models(Printing):
    """What can be loaded."""


@dataclass(frozen=True, kw_only=True)
class ModelArgument(Model):
    """The model of a verb that is about a model: it is given by its place."""

    model: Annotated[
        str | None,
        Flag(argument=True, default="the bundled model", env="CLIPPROBE_MODEL"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Hooks(Sites, ModelArgument):
    """Every hook point of a model: its name, axes and units."""

    sites: Annotated[Sequence[str] | None, Flag(default="all")] = None


@dataclass(frozen=True, kw_only=True)
class Similarity(Batches, Compared):
    """The cosine of every image with every text."""

    panel: ClassVar[str] = "Similarity"
    images: Annotated[Sequence[Path], Flag(argument=True)]
    """Image files."""
    out: Annotated[Path | None, HOW] = None
    """Write the matrix here too: a table (.csv, .parquet), a page (.html) or a picture (.png)."""
