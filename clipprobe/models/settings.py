"""Settings of ``models`` and ``hooks``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic.dataclasses import dataclass

from clipprobe.settings import Flag
from clipprobe.settings.shared import Model, Printing, Sites


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

    sites: Annotated[
        Sequence[str] | None, Flag(choices="clipprobe.hooks.names:USUAL", default="all")
    ] = None
