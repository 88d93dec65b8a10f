"""What verbs that carry out a study share: the run behind its bar, and what is said of it.

Nothing here imports torch or a study.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from clipprobe.cli.common import load_model, result, say

if TYPE_CHECKING:
    from clipprobe.runs import RunView
    from clipprobe.settings.shared import Model, Terminal
    from clipprobe.study.plan import Study, StudyResult

R = TypeVar("R")
_THRESHOLDS = ("fail_under", "fail_over")


def make_run(
    study: Study[Any, R], settings: Any, clip: Any, bar: AbstractContextManager[Any]
) -> StudyResult[R]:
    """Carry a study out, and show how far it is.

    Args:
        clip: The model; :func:`load_model` comes after every check that needs none.
        bar: ``progress(...)`` or ``countdown(...)``, as the study tells its progress.
    """
    from clipprobe.study import carry_out

    with bar as step:
        return carry_out(study, dataclasses.replace(settings, progress=step), clip)


def run_audit(
    study: Study[Any, Any],
    settings: Any,
    model: Model,
    terminal: Terminal,
    *,
    bar: AbstractContextManager[Any],
    text: Callable[[dict[str, Any]], str],
    things: str = "images",
    of_all: bool = True,
) -> None:
    """Load the model, make the run, print it, and hold it to the thresholds of its settings.

    Args:
        text: The lines for people, of the summary.
        things: What was used or left out.
        of_all: Whether used and left-out things add up to all of them.
    """
    # A threshold judges the run and is not part of its call.
    limits = {one.name for one in dataclasses.fields(settings)} & set(_THRESHOLDS)
    unjudged = dataclasses.replace(settings, **dict.fromkeys(limits))
    run = make_run(study, unjudged, load_model(model), bar).run
    result(run.summary, as_json=terminal.as_json, text=lambda: text(run.summary))
    _say_left_out(run, things, of_all)
    say(f"report: {run.path / 'report.html'}")
    if study.enforce is not None:
        study.enforce(settings, run.summary)


def _say_left_out(run: RunView, things: str, of_all: bool) -> None:
    counts = run.manifest["counts"]
    if lost := counts["skipped"] + counts["failed"]:
        total = f" of {counts['used'] + lost}" if of_all else ""
        names = things if of_all or lost > 1 else things.removesuffix("s")
        verb = "was" if lost == 1 else "were"
        say(f"{lost}{total} {names} {verb} left out; manifest.json says why.")


def headline(summary: Mapping[str, Any], *, width: int = 20) -> str:
    """The key figures as lines for the terminal, their names in a column of ``width``."""
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in summary["warnings"]]
    lines += [f"not available: {text}" for text in summary.get("unavailable", ())]
    for item in summary["headline"]:
        name = item["name"].replace("_", " ")
        lines.append(f"{name:<{width}} {format_cell(item['estimate'])}")
    return "\n".join(lines)
