"""What people note about units: stars, lists and a text for each, in one file beside the runs.

    notes = read_notes("runs/notes/units.json")
    notes.of(clip.identity)["vision.blocks.3.mlp.post:17"].text
    change_note("runs/notes/units.json", clip.identity, "vision.blocks.3.mlp.post:17", star=True)

Notes are of weights, not of a run: every atlas of the same model shows them. The file is read and
written whole under a lock, so two who write at once do not lose each other's notes; where both
change the text of one unit, both texts stay. A file that cannot be read is never written over.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError, DataError, RunFolderError
from clipprobe.hooks.names import parse_unit
from clipprobe.identity import Identity
from clipprobe.runs import jsonio
from clipprobe.runs.files import write_text
from clipprobe.runs.lock import FolderLock
from clipprobe.runs.tables import safe_cell

FORMAT, VERSION = "clipprobe-notes", 1
PLACE = Path("notes") / "units.json"
"""Below the folder of runs."""
MOST_TEXT, MOST_NAME, MOST_LISTS, MOST_UNITS = 4_000, 60, 40, 20_000
MOST_BYTES = 32 << 20
PATIENCE_SECONDS = 10.0
STARRED, NOTED = "starred", "with a note"
COLUMNS = ("weights", "unit", "star", "lists", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitNote:
    """What is noted about one unit."""

    star: bool = False
    text: str = ""
    lists: tuple[str, ...] = ()
    """Names of the lists that it is on, in alphabetical order."""

    def __bool__(self) -> bool:
        """Whether anything is noted."""
        return self.star or bool(self.text) or bool(self.lists)


@dataclass(frozen=True, slots=True)
class UnitNotes:
    """Everything that is noted in one file: :attr:`Identity.key` -> unit -> note."""

    models: Mapping[str, Mapping[str, UnitNote]] = field(default_factory=dict)

    def of(self, model: Identity) -> Mapping[str, UnitNote]:
        """The noted units of a model."""
        return self.models.get(model.key, {})

    def saved(self, model: Identity) -> dict[str, list[str]]:
        """Starred units, those with a text, and every list: name -> its units, in order."""
        notes = self.of(model)
        names = sorted({name for note in notes.values() for name in note.lists})
        lists = {
            STARRED: [unit for unit, note in notes.items() if note.star],
            NOTED: [unit for unit, note in notes.items() if note.text],
            **{name: [u for u, note in notes.items() if name in note.lists] for name in names},
        }
        return {name: units for name, units in lists.items() if units}

    def to_json(self) -> dict[str, Any]:
        """The content of the file."""
        return {"format": FORMAT, "version": VERSION, "models": jsonio.plain(self.models)}

    @classmethod
    def from_json(cls, data: Any) -> UnitNotes:
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: it is not what that gives.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        if data.get("version") != VERSION:
            raise ValueError(
                f"its version is {data.get('version')!r}, and this one reads {VERSION}"
            )
        models = data.get("models")
        if not isinstance(models, dict) or not all(
            isinstance(one, dict) for one in models.values()
        ):
            raise ValueError("its models are not an object of objects")
        return cls(
            {
                key: {unit: _note(unit, content) for unit, content in sorted(notes.items())}
                for key, notes in models.items()
            }
        )

    def to_csv(self) -> str:
        """A row per noted unit, for a spreadsheet."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for key, notes in self.models.items():
            for unit, note in notes.items():
                row = (key, unit, "1" if note.star else "", "; ".join(note.lists), note.text)
                writer.writerow([safe_cell(cell) for cell in row])
        return out.getvalue()


def read_notes(file: str | Path) -> UnitNotes:
    """The notes of a file; none where there is no file.

    Raises:
        DataError: it is not such a file, or damaged.
    """
    path = Path(file)
    try:
        if path.is_symlink():
            raise ValueError("it is a link, and links are not followed")
        if not path.exists():
            return UnitNotes()
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES >> 20} MB")
        return UnitNotes.from_json(jsonio.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"The notes in {path} cannot be read ({_reason(error)}), and are left as they are: "
            "mend or move the file to write notes again."
        ) from None


def change_note(
    file: str | Path,
    model: Identity,
    unit: str,
    *,
    star: bool | None = None,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    text: str | None = None,
    seen: str = "",
) -> UnitNote:
    """Change what is noted about a unit; what is None stays.

    Args:
        add: Lists that the unit is put on.
        remove: Lists that it is taken off.
        text: The new text.
        seen: The text that it was made from. Where the file holds another one by now, both stay.
    Returns:
        What is noted from now on.
    Raises:
        ConfigError: a text or a name is too long, or the file is full.
        DataError: the file cannot be read; it is left as it is.
        RunFolderError: it cannot be written.
    """
    path, address = Path(file), str(parse_unit(unit))
    new = None if text is None else _checked_text(text)
    with _alone(path.parent):
        notes = read_notes(path)
        own = dict(notes.of(model))
        note = own.pop(address, UnitNote())
        if star is not None:
            note = replace(note, star=star)
        if add or remove:
            note = replace(note, lists=_checked_lists({*note.lists, *add} - set(remove)))
        if new is not None:
            both = note.text not in ("", seen.strip(), new)
            note = replace(note, text=_checked_text(f"{note.text}\n\n{new}") if both else new)
        if note:
            own[address] = note
        models = {**notes.models, model.key: dict(sorted(own.items()))}
        changed = UnitNotes({key: units for key, units in models.items() if units})
        if sum(map(len, changed.models.values())) > MOST_UNITS:
            raise ConfigError(f"There are notes of {MOST_UNITS:,} units in {path}: remove some.")
        if changed != notes:
            write_text(path, jsonio.dumps(changed.to_json()))
    return note


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for the lock of a folder."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            lock = FolderLock.take(folder)
            break
        except RunFolderError:
            if time.monotonic() > end:
                raise RunFolderError(
                    f"Somebody else has been writing notes in {folder} for {PATIENCE_SECONDS:g} "
                    "seconds: try again."
                ) from None
            time.sleep(0.05)
        except OSError as error:
            raise RunFolderError(
                f"Notes cannot be written to {folder} ({error.strerror}): they are kept beside the "
                "runs, so that folder must be writable."
            ) from None
    try:
        yield
    finally:
        lock.release()


def _note(unit: str, content: Any) -> UnitNote:
    match content:
        case {"star": bool(star), "text": str(text), "lists": list(names)}:
            if all(isinstance(name, str) for name in names):
                return UnitNote(star=star, text=text, lists=tuple(sorted(set(names))))
    raise ValueError(f"the note of {unit!r} is not a star, a text and lists")


def _checked_text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise ConfigError(
            f"The note has {len(text):,} characters and may have {MOST_TEXT:,}: shorten it."
        )
    return text.strip()


def _checked_lists(names: Iterable[str]) -> tuple[str, ...]:
    lists = sorted({" ".join(name.split()) for name in names} - {""})
    if len(lists) > MOST_LISTS:
        raise ConfigError(f"A unit can be on {MOST_LISTS} lists, and {len(lists)} were named.")
    for name in lists:
        if len(name) > MOST_NAME or name in (STARRED, NOTED):
            raise ConfigError(
                f"A list cannot be called {name[:MOST_NAME]!r}: give another name of at most "
                f"{MOST_NAME} characters."
            )
    return tuple(lists)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
