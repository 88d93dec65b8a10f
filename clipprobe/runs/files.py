"""Files of a run folder: a path that stays in it, and writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from clipprobe.errors import RunFolderError

TEMPORARY = ".tmp-"


def inside(folder: Path, name: str) -> Path:
    """The path of ``name`` inside a run folder, whether it exists or not.

    Raises:
        RunFolderError: ``name`` is absolute, leads out of the folder, or through a link.
    """
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise RunFolderError(
            f"The name {name!r} leads out of the run folder {folder}: give a relative name."
        )
    path = folder
    for part in pure.parts:
        path = path / part
        if path.is_symlink():
            raise RunFolderError(
                f"{path} is a link, and links inside a run folder are not followed: remove it, or "
                "put what it leads to in its place."
            )
    return path


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an ``OSError`` inside the block into a :class:`RunFolderError` about ``folder``."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            todo = "free some space and run the same command again; finished parts are kept"
        else:
            todo = "choose a folder that can be written, or mend this one; finished parts are kept"
        raise RunFolderError(
            f"The run folder {folder} could not be used ({reason}): {todo}."
        ) from error


def check_writable(folder: Path) -> None:
    """Raise the ``OSError`` of a folder that cannot be made or written; leaves nothing behind."""
    place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not place.is_dir():
        code = errno.EEXIST if place == folder else errno.ENOTDIR
        raise OSError(code, os.strerror(code))
    with tempfile.TemporaryFile(dir=place):
        pass


def check_file(path: Path) -> None:
    """Refuse, before anything slow, a file that cannot be written.

    Raises:
        RunFolderError: see :func:`file_errors`.
    """
    with file_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        check_writable(path.parent)


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` inside the block into a :class:`RunFolderError` about one file."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
        raise RunFolderError(
            f"The file {path} could not be written ({reason}): choose another place."
        ) from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place in one step.

    Nobody ever sees half a file under its final name, whether the process is killed or the disk
    fills up. The temporary file is removed when ``write`` fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}-{path.suffix}"
    try:
        write(temporary)
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text whole or not at all, and give its path.

    Raises:
        RunFolderError: it cannot be written.
    """
    target, data = Path(path), text.encode("utf-8", "backslashreplace")
    with file_errors(target):
        write_atomically(target, lambda path: path.write_bytes(data))
    return target
