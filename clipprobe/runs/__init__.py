"""The run folder: what an audit or a scan leaves on disk (see ``docs/store-format.md``)."""

from clipprobe.runs.run import Run as Run
from clipprobe.runs.view import RunReader as RunReader
from clipprobe.runs.view import RunView as RunView
from clipprobe.runs.view import list_runs as list_runs
from clipprobe.runs.view import load_run as load_run
