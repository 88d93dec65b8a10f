"""The run folder: what an audit or a scan leaves on disk (see ``docs/store-format.md``)."""

from clipprobe.runs.run import Run
from clipprobe.runs.view import RunReader, RunView, list_runs, load_run

__all__ = ["Run", "RunReader", "RunView", "list_runs", "load_run"]
