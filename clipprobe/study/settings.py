"""What ``clipprobe rerun`` is told."""

from __future__ import annotations

from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag
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
    _: KW_ONLY
    workers: Annotated[int | None, Ge(0), HOW, Flag(default="as in the verb")] = None
    """Threads that decode or render beside the model; they never change the result."""
