"""``clipprobe rerun``: the same study again; and a verb for a study that has none of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.settings import Flag
from clipprobe.settings.shared import Model, Output, Terminal

if TYPE_CHECKING:
    from clipprobe.study.plan import Study


@dataclass(frozen=True)
class Rerun(Output):
    """Make a run again in another folder, from its call.json: the same bytes.

    The call holds settings, paths and the model. What no file can hold, such as images in memory
    or groups of single people, has to be given again: in Python, with clipprobe.study.rerun.
    """

    panel: ClassVar[str] = "Rerun"
    run: Annotated[Path, Flag(argument=True)]
    """The run folder to read."""


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


def verb_of(study: Study[Any, Any]) -> Verb:
    """A verb whose flags are the settings of a study; it prints the headline, as JSON the summary.

    Example:
        >>> from clipprobe.study import STUDIES
        >>> verb_of(STUDIES["labels"]).records[0].__name__
        'LabelTest'
    """

    def run(settings: Any, model: Model, terminal: Terminal) -> None:
        from clipprobe.study.driver import carry_out

        clip = load_model(model)
        view = carry_out(study, settings, clip).run
        headline = view.summary.get("headline", ())
        lines = [f"{one['name']}: {one['estimate']['value']}" for one in headline]
        result(view.summary, as_json=terminal.as_json, text=lambda: "\n".join(lines))
        say(f"The report is {view.path}/report.html.")

    return Verb(run, (study.settings, Model, Terminal))
