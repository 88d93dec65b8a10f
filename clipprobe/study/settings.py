"""What ``clipprobe rerun`` is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.settings import Flag
from clipprobe.settings.shared import Output


@dataclass(frozen=True)
class Rerun(Output):
    """Make a run again in another folder, from its call.json: the same bytes.

    The call holds settings, paths and the model. What no file can hold, such as images in memory
    or groups of single people, has to be given again: in Python, with clipprobe.study.rerun.
    """

    panel: ClassVar[str] = "Rerun"
    run: Annotated[Path, Flag(argument=True)]
    """The run folder to read."""
