"""What surrounds a verb that makes a run: its folder, a dry run, and a run that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.cli.output import output, result, say
from clipprobe.cli.run_folder import use_folder

if TYPE_CHECKING:
    from clipprobe.cli.verbs import Verb
    from clipprobe.settings.shared import Output


def run_verb(verb: Verb, records: Sequence[Any], *, dry: bool = False) -> None:
    """Run a verb with its records; ``dry`` says what it would do, and makes nothing."""
    from clipprobe.settings.shared import Output

    place = next((one for one in records if isinstance(one, Output)), None)
    if place is None:
        verb.run(*records)
    elif dry:
        _rehearse(verb, records, place)
    elif place.out is None:
        verb.run(*records)
    else:
        _make(verb, records, use_folder(place.out), overwrite=place.overwrite)


def _make(verb: Verb, records: Sequence[Any], out: Path, *, overwrite: bool) -> None:
    from clipprobe.runs.view import MANIFEST
    from clipprobe.study.command import of_command

    complete = not overwrite and (out / MANIFEST).exists()
    with of_command(_name(verb), records, out, overwrite=overwrite) as finished:
        if finished:
            say(f"{out} is already complete: nothing to do.")
        verb.run(*records)
    if complete and not finished:  # another run would have been refused
        say(f"{out} is already complete: nothing was done.")


def _rehearse(verb: Verb, records: Sequence[Any], place: Output) -> None:
    from clipprobe.study.command import of_command
    from clipprobe.study.rehearsal import Rehearsal, rehearse

    def tell(rehearsal: Rehearsal) -> None:
        result(rehearsal.to_json(), as_json=output().as_json, text=rehearsal.text)

    if place.out is not None:
        out = use_folder(place.out)
        with of_command(_name(verb), records, out, overwrite=place.overwrite) as finished:
            if finished:
                tell(Rehearsal.of_finished(out))
                return
    output().quiet = True  # what is said of a run is not so
    tell(rehearse(verb.run, *records))


def _name(verb: Verb) -> str:
    return f"{verb.run.__module__}.{verb.run.__qualname__}"
