"""Which run folder a command keeps its work in: checked at once, told when interrupted."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

#: The folder of the running command; None where it keeps nothing.
RUN_FOLDER: ContextVar[Path | None] = ContextVar("RUN_FOLDER", default=None)


def use_folder(out: Path | str) -> Path:
    """Say that a command keeps its work in the run folder ``out``, before anything slow.

    Raises:
        RunFolderError: see :func:`clipprobe.runs.folder.usable_run_in`.
    """
    from clipprobe.runs.folder import usable_run_in

    usable_run_in(Path(out))
    RUN_FOLDER.set(Path(out))
    return Path(out)
