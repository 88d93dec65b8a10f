"""What a run in a folder would begin with; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from clipprobe.runs import jsonio
from clipprobe.runs.differences import head_of, refuse_other
from clipprobe.runs.folder import usable_run_in
from clipprobe.runs.model import refuse_interventions
from clipprobe.runs.view import MANIFEST, PARTS

State = Literal["new", "resumes", "complete", "overwrites"]


def state_of(
    out: Path, *, kind: str, config: Mapping[str, Any], overwrite: bool = False
) -> tuple[State, int]:
    """Whether a run is new in a folder, goes on, is there already, or replaces one; and its parts.

    Raises:
        RunFolderError: the folder cannot be used, or holds another run.
        ConfigError: an intervention or hook changes the model of the run.
    """
    refuse_interventions(out, config)
    existing = usable_run_in(out)
    if existing is None:
        return "new", 0
    if overwrite:
        return "overwrites", 0
    complete = (out / MANIFEST).exists()
    refuse_other(out, existing, head_of(kind, jsonio.plain(config)), complete=complete)
    if complete:
        return "complete", 0
    parts = out / PARTS
    names = [one.name for one in parts.iterdir()] if parts.is_dir() else []
    return "resumes", sum(not name.startswith(".") for name in names)
