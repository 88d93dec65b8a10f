"""``clipprobe rerun``: the same study again."""

from __future__ import annotations

from typing import Any

from clipprobe.cli.common import result, say
from clipprobe.cli.verbs import Verb
from clipprobe.settings import settings_of
from clipprobe.settings.shared import Terminal
from clipprobe.study.settings import Rerun


def run_again(settings: Rerun, terminal: Terminal) -> None:
    """Make the run again and say where it is."""
    from clipprobe.runs import load_run
    from clipprobe.study.rerun import rerun
    from clipprobe.study.table import STUDIES

    kind = load_run(settings.run).kind
    known = {one.name for one in settings_of(STUDIES[kind].settings)}
    how: dict[str, Any] = {"overwrite": settings.overwrite}
    if settings.workers is not None and "workers" in known:
        how["workers"] = settings.workers
    view = rerun(settings.run, settings.out, **how)
    result(
        {"kind": kind, "run": view.path.as_posix(), "made_from": str(settings.run)},
        as_json=terminal.as_json,
        text=lambda: f"{kind}: {settings.run} made again in {view.path}",
    )
    say(f"report: {view.path / 'report.html'}")


RERUN = Verb(run_again, (Rerun, Terminal))
