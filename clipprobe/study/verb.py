"""``clipprobe rerun``: the same study again."""

from __future__ import annotations

from clipprobe.cli.common import result, say
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Terminal
from clipprobe.study.settings import Rerun


def run_again(settings: Rerun, terminal: Terminal) -> None:
    """Make the run again and say where it is."""
    from clipprobe.runs import load_run
    from clipprobe.study.rerun import rerun

    kind = load_run(settings.run).kind
    view = rerun(settings.run, settings.out, overwrite=settings.overwrite)
    result(
        {"kind": kind, "run": view.path.as_posix(), "made_from": str(settings.run)},
        as_json=terminal.as_json,
        text=lambda: f"{kind}: {settings.run} made again in {view.path}",
    )
    say(f"report: {view.path / 'report.html'}")


RERUN = Verb(run_again, (Rerun, Terminal))
