"""What ``clipprobe dashboard`` tells the app, through the environment."""

from __future__ import annotations

import os
from pathlib import Path

from clipprobe.cli.dashboard_cmd import DEFAULT_RUNS, MODEL_VARIABLE, RUNS_VARIABLE


def runs_folder() -> Path:
    """The folder whose runs are shown, absolute."""
    return Path(os.environ.get(RUNS_VARIABLE) or DEFAULT_RUNS).absolute()


def model_spec() -> str | None:
    """What ``--model`` named; None for the bundled model."""
    return os.environ.get(MODEL_VARIABLE) or None
