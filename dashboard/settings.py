"""Settings of ``clipprobe dashboard``, and how the app is told them: through the environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import ModelName

ADDRESS = "127.0.0.1"
FIRST_PORT = 8501
DEFAULT_RUNS = "runs"
RUNS_VARIABLE = "CLIPPROBE_RUNS"
MODEL_VARIABLE = "CLIPPROBE_MODEL"
EDITS_VARIABLE = "CLIPPROBE_DASHBOARD_EDITS"


@dataclass(frozen=True, kw_only=True)
class Serving(ModelName):
    """Browse runs, neurons and typographic attacks in the browser, until Ctrl-C."""

    panel: ClassVar[str] = "Dashboard"
    runs: Annotated[Path | None, Flag(default=DEFAULT_RUNS)] = None
    """The folder whose runs are shown."""
    port: Annotated[
        int | None, Ge(1), Le(65535), HOW, Flag(default=f"the first free one from {FIRST_PORT}")
    ] = None
    """The port of 127.0.0.1 that the app is served on."""


def runs_folder() -> Path:
    """The folder whose runs are shown, absolute."""
    return Path(os.environ.get(RUNS_VARIABLE) or DEFAULT_RUNS).absolute()


def as_typed(path: Path) -> str:
    """A path as it is typed where the dashboard was started: without what leads to that folder."""
    start = Path.cwd()
    return str(path.relative_to(start) if path.is_relative_to(start) else path)


def edit_files() -> tuple[str, ...]:
    """What ``--edit`` named, in order."""
    return tuple(json.loads(os.environ.get(EDITS_VARIABLE) or "[]"))


def model_spec() -> str | None:
    """What ``--model`` named; None for the bundled model."""
    return os.environ.get(MODEL_VARIABLE) or None
