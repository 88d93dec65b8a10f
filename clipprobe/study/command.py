"""A run that a command made is recognised by the command alone, before a model is loaded.

Beside the call of a run (``call.json``) stands the hash of its command: the verb, every setting,
and size and time of change of every file that they name, of the model too. The same hash means that
nothing changed since. Another one, or none, means nothing: then the model is loaded and the
configurations are compared, as ever.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from clipprobe import version
from clipprobe.errors import ClipprobeError
from clipprobe.runs import load_run
from clipprobe.runs.view import CALL
from clipprobe.settings import settings_of

KEY = "command_sha256"
_APART = (
    "out", "overwrite", "workers", "memory_mb", "checkpoint_seconds", "fail_under", "fail_over",
)  # fmt: skip
"""Settings that neither change a result nor where it comes from; thresholds judge it later."""
_TABLES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".tar")
"""Files that may name others."""
_MOST_FILES = 100_000
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """The command that is running."""

    out: Path
    """Its run folder."""
    sha256: str | None
    """Its hash; None where it cannot have one."""
    finished: bool = False
    """Whether the folder holds what it makes."""


_COMMAND: ContextVar[Command | None] = ContextVar("COMMAND", default=None)


def command() -> Command | None:
    """The command that is running; None where Python calls what a command calls."""
    return _COMMAND.get()


@contextmanager
def of_command(verb: str, records: Sequence[Any], out: Path, *, overwrite: bool) -> Iterator[bool]:
    """Inside the block a command runs; whether its run is finished already."""
    sha256 = command_sha256(verb, records)
    finished = not overwrite and sha256 is not None and _stored(out) == sha256
    token = _COMMAND.set(Command(out, sha256, finished))
    try:
        yield finished
    finally:
        _COMMAND.reset(token)


def is_finished(out: Path | str | None) -> bool:
    """Whether the running command has made the run in a folder before."""
    running = _COMMAND.get()
    return running is not None and running.finished and out is not None and running.out == Path(out)


def marked_call(call: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """The call of a run with the hash of the running command, where it is of that run."""
    running = _COMMAND.get()
    if running is None or running.sha256 is None or running.out != out:
        return dict(call)
    return {**call, KEY: running.sha256}


def command_sha256(verb: str, records: Sequence[Any]) -> str | None:
    """The hash of a command; None where what decides its result cannot be told by files."""
    digest = hashlib.sha256(f"{version.__version__} {verb}".encode())
    try:
        for record in records:
            for one in settings_of(type(record)):
                if one.where == "terminal" or one.name in _APART:
                    continue
                value = getattr(record, one.name)
                digest.update(repr((type(record).__qualname__, one.name)).encode())
                if one.name == "images" and _of_hub(value):
                    raise _Untold  # what a hub holds under a name moves
                for part in _model(record) if one.name == "model" else _parts(value):
                    digest.update(part.encode("utf-8", "backslashreplace") + b"\0")
    except _Untold:
        return None
    return digest.hexdigest()


class _Untold(Exception):
    """A value that does not say what it stands for."""


def _stored(out: Path) -> str | None:
    try:
        return str(load_run(out).read_json(CALL)[KEY])
    except (ClipprobeError, KeyError, TypeError):
        return None


def _model(record: Any) -> Iterator[str]:
    name = record.model
    if name is None:
        from clipprobe.models.checkpoints.bundled import bundled_folder

        yield from _file(bundled_folder())
    elif Path(name).exists():
        yield from _file(Path(name))
    elif _COMMIT.fullmatch(str(getattr(record, "revision", None))):
        yield str(name)
    else:
        raise _Untold  # a branch of a hub moves


def _of_hub(value: Any) -> bool:
    from clipprobe.data.hub import looks_like_id

    return isinstance(value, str) and not Path(value).exists() and looks_like_id(value)


def _parts(value: Any) -> Iterator[str]:
    """A value as texts; a path with what is there."""
    if isinstance(value, Path) or (isinstance(value, str) and 0 < len(value) < 1000):
        yield repr(value)
        if Path(value).exists():
            yield from _file(Path(value))
    elif value is None or isinstance(value, bool | int | float | str):
        yield repr(value)
    elif isinstance(value, Mapping):
        yield from (part for item in value.items() for one in item for part in _parts(one))
    elif isinstance(value, list | tuple):
        yield str(len(value))
        yield from (part for one in value for part in _parts(one))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield type(value).__qualname__
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))
    else:
        raise _Untold


def _file(path: Path) -> Iterator[str]:
    """Size and time of change of a file, or of every file of a folder."""
    if path.is_file():
        if path.suffix.lower() in _TABLES:
            raise _Untold
        yield _stat(path)
        return
    n = 0
    for root, folders, names in os.walk(path):
        folders.sort()
        n += len(names)
        linked = any((Path(root) / name).is_symlink() for name in folders)
        if n > _MOST_FILES or linked:  # a data set follows linked folders
            raise _Untold
        for name in sorted(names):
            file = Path(root) / name
            yield f"{file.relative_to(path)} {_stat(file)}"


def _stat(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "absent"
    return f"{status.st_size} {status.st_mtime_ns}"
