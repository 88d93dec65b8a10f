"""``clipprobe verify`` and ``compare``: is a run what was written, and how do two differ?

How runs of a kind are compared, and how that reads in a terminal, stands in a study beside what
makes them (:data:`clipprobe.study.COMPARISONS`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from clipprobe.cli.common import result, say
from clipprobe.cli.run_folder import use_folder
from clipprobe.cli.verbs import Verb
from clipprobe.runs.settings import Comparison, Verification
from clipprobe.settings.shared import Printing, Terminal

if TYPE_CHECKING:
    from clipprobe.runs.verify import RunCheck

DAMAGED = 1
_MOST_LINES = 20


def verify(settings: Verification, printing: Printing) -> None:
    """Check a run and print what is wrong with it."""
    from clipprobe.runs.verify import verify_run

    run = settings.run
    results = verify_run(run)
    sound = all(one.sound for one in results)
    result(
        {"run": str(run), "sound": sound, "runs": [one.to_json() for one in results]},
        as_json=printing.as_json,
        text=lambda: "\n".join(line for one in results for line in _lines(one, run)),
    )
    if not sound:
        raise typer.Exit(DAMAGED)


def _lines(one: RunCheck, run: Path) -> list[str]:
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
    lines += [f"  {name} is not the run's" for name in one.unlisted[:_MOST_LINES]]
    if len(one.unlisted) > _MOST_LINES:
        lines.append(f"  … and {len(one.unlisted) - _MOST_LINES} more that are not the run's")
    lines += [f"  note: {note}" for note in one.notes]
    return lines


def compare(settings: Comparison, terminal: Terminal) -> None:
    """Compare two runs and print the differences."""
    from clipprobe.runs import load_run
    from clipprobe.runs.jsonio import dumps
    from clipprobe.study import COMPARISONS, compare_runs

    out = settings.out
    if out is not None:
        use_folder(out)
    a, b = load_run(settings.run_a), load_run(settings.run_b)
    summary = compare_runs(a, b, out=out, seed=settings.seed)
    lines = COMPARISONS[a.kind].text or dumps
    result(summary, as_json=terminal.as_json, text=lambda: lines(summary))
    if out is not None:
        say(f"report: {out / 'report.html'}")


VERIFY = Verb(verify, (Verification, Printing))
COMPARE = Verb(compare, (Comparison, Terminal))
