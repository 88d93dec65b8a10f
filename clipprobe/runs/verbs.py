"""``clipprobe verify`` and ``compare``: is a run what was written, and how do two differ?

How runs of a kind are compared stands beside what makes them: a module with ``compare_runs`` and
``comparison_text``, named in :data:`COMPARERS` and imported when it is needed.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clipprobe.cli.common import result, say
from clipprobe.cli.run_folder import use_folder
from clipprobe.cli.verbs import Verb
from clipprobe.errors import RunFolderError
from clipprobe.runs.settings import Comparison, Verification
from clipprobe.settings.shared import Printing, Terminal

if TYPE_CHECKING:
    from clipprobe.runs.verify import Verified

DAMAGED = 1
_SHOWN = 20
#: Kind of the runs -> module with
#: ``compare_runs(a: RunView, b: RunView, *, out: Path | None, seed: int) -> dict`` (JSON types; it
#: writes ``summary.json``, ``report.html`` and ``report.md`` into ``out`` where one is given) and
#: ``comparison_text(summary: dict) -> str``, its lines for the terminal.
COMPARERS = {
    "typographic": "attacks.typographic.report.comparison",
    "faithfulness": "clipprobe.attribution.faithfulness.comparison",
    "few-shot": "clipprobe.zeroshot.comparison",
    "zeroshot": "clipprobe.zeroshot.comparison",
    "bias": "attacks.bias.report.comparison",
    "bias-written": "attacks.bias.report.comparison",
}


def verify(settings: Verification, printing: Printing) -> None:
    """Check a run and print what is wrong with it."""
    from clipprobe.runs.verify import verify_run

    run = settings.run
    found = verify_run(run)
    sound = all(one.sound for one in found)
    result(
        {"run": str(run), "sound": sound, "runs": [one.to_json() for one in found]},
        as_json=printing.as_json,
        text=lambda: "\n".join(line for one in found for line in _lines(one, run)),
    )
    if not sound:
        raise typer.Exit(DAMAGED)


def _lines(one: Verified, run: Path) -> list[str]:
    """One run for people: the verdict, then what is wrong, then what else is there."""
    place = run if one.name == "." else run / one.name
    kind = f" ({one.kind})" if one.kind else ""
    if one.problem:
        verdict = one.problem
    elif one.damaged:
        verdict = f"{len(one.damaged)} of {len(one.files)} files damaged"
    else:
        verdict = f"{len(one.files)} files, all as they were written"
    lines = [f"{place}{kind}: {verdict}"]
    lines += [f"  {name} {state}" for name, state in one.damaged.items()]
    lines += [f"  {name} is not the run's" for name in one.unlisted[:_SHOWN]]
    if len(one.unlisted) > _SHOWN:
        lines.append(f"  … and {len(one.unlisted) - _SHOWN} more that are not the run's")
    lines += [f"  note: {note}" for note in one.notes]
    return lines


def compare(settings: Comparison, terminal: Terminal) -> None:
    """Compare two runs and print the differences."""
    from clipprobe.runs import load_run

    out = settings.out
    if out is not None:
        use_folder(out)
    a, b = load_run(settings.run_a), load_run(settings.run_b)
    if a.kind != b.kind:
        raise RunFolderError(
            f"{settings.run_a} is of the kind {a.kind!r} and {settings.run_b} of the kind "
            f"{b.kind!r}: give two runs of one kind."
        )
    if a.kind not in COMPARERS:
        raise RunFolderError(
            f"Runs of the kind {a.kind!r} cannot be compared; those of these kinds can: "
            f"{', '.join(COMPARERS)}."
        )
    for view in (a, b):
        if not view.summary:
            raise RunFolderError(f"The run {view.path} has no summary to compare: make it again.")
    module = importlib.import_module(COMPARERS[a.kind])
    summary = module.compare_runs(a, b, out=out, seed=settings.seed)
    result(summary, as_json=terminal.as_json, text=lambda: module.comparison_text(summary))
    if out is not None:
        say(f"report: {out / 'report.html'}")


VERIFY = Verb(verify, (Verification, Printing))
COMPARE = Verb(compare, (Comparison, Terminal))
