"""``clipprobe verify``: is a stored run still what was written?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipprobe.cli.common import JsonOption, result

if TYPE_CHECKING:
    from clipprobe.runs.verify import Verified

DAMAGED = 1
_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add ``verify``."""
    app.command("verify")(verify)


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, for example a demo's.")],
    as_json: JsonOption = False,
) -> None:
    """Check the files of a run, and of the runs inside it, against their hashes.

    Exits with 0 where all is as it was written, 1 where a file was changed or is missing or a run
    is unfinished, 2 where no run is. Files that are not the run's are named and do no harm.
    """
    from clipprobe.runs.verify import verify_run

    found = verify_run(run)
    sound = all(one.sound for one in found)
    result(
        {"run": str(run), "sound": sound, "runs": [one.to_json() for one in found]},
        as_json=as_json,
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
