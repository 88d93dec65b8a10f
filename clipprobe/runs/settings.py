"""Settings of ``verify`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag, Settings
from clipprobe.settings.shared import Random


@dataclass(frozen=True, kw_only=True)
class RunFolder(Settings):
    """A run that is read."""

    panel: ClassVar[str] = "Run"
    run: Annotated[Path, Flag(argument=True)]
    """The run folder to read."""


@dataclass(frozen=True, kw_only=True)
class Verification(RunFolder):
    """Check the files of a run, and of the runs inside it, against their hashes.

    Exits with 0 where all is as it was written, 1 where a file was changed or is missing or a run
    is unfinished, 2 where no run is. Files that are not the run's are named and do no harm.
    """


@dataclass(frozen=True, kw_only=True)
class Comparison(Random):
    """Compare two runs, paired over the images that both used; differences are B minus A."""

    panel: ClassVar[str] = "Comparison"
    run_a: Annotated[Path, Flag(name="run_a", argument=True)]
    """A complete run folder."""
    run_b: Annotated[Path, Flag(name="run_b", argument=True)]
    """Another of the same kind."""
    out: Annotated[Path | None, HOW] = None
    """A folder for the report of the comparison."""
