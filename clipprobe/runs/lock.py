"""One process at a time in a run folder, whatever ends it.

The lock is the operating system's, on the file ``.lock`` of the folder, so it ends with the process
that holds it, also when that is killed: a file that is left behind bars nobody. What the file says
(process, machine, command, start) only names the holder to whoever is refused. It is removed on
release; a finished run has none.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.lines import shortened

LOCK = ".lock"
_BUSY = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}  # what systems say of a lock that is held
_WINDOWS = sys.platform == "win32"
_FAR = 2**30  # Windows bars reading what is locked: lock a byte behind all that is written
_TRIES = 20


class FolderLock:
    """The right to write into a run folder, from :meth:`take` to :meth:`release`."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle: int | None = handle
        self._process = os.getpid()

    @classmethod
    def take(cls, folder: Path) -> FolderLock:
        """Lock a folder, made where it is not there.

        Raises:
            RunFolderError: another process holds it, or this one does already; the message says
                which. OSError: the folder cannot be written.
        """
        path = folder / LOCK
        for _ in range(_TRIES):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
                handle = os.open(path, flags, 0o666)
            except FileNotFoundError:  # the folder was removed meanwhile, by a run without result
                continue
            try:
                _lock(handle)
                if _is(path, handle):
                    _write_holder(handle)
                    return cls(path, handle)
            except BaseException as error:
                os.close(handle)
                if not isinstance(error, OSError) or error.errno not in _BUSY:
                    raise
                if not (holder := _holder(path)) and not path.exists():
                    continue  # its holder ended while it was asked who it is
                raise _in_use(folder, holder) from None
            os.close(handle)  # the former holder removed the file while this one was opened
        raise _in_use(folder, _holder(path))

    @property
    def held(self) -> bool:
        """Whether the folder is still this object's."""
        return self._handle is not None and self._process == os.getpid()

    def release(self) -> None:
        """Give the folder free; again is not an error, and a forked child never does."""
        if self._handle is None or not self.held:
            return
        handle, self._handle = self._handle, None
        with suppress(OSError):
            if not _WINDOWS:
                self._path.unlink()  # before unlocking: whoever waits notices and makes its own
            _unlock(handle)
        os.close(handle)
        if _WINDOWS:
            with suppress(OSError):  # an open file cannot be removed there
                self._path.unlink()


def refuse_in_use(folder: Path) -> None:
    """Raise where a process is working in a run folder; leaves no trace.

    Raises:
        RunFolderError: the message names the process.
    """
    if (folder / LOCK).is_file():
        FolderLock.take(folder).release()


def _in_use(folder: Path, holder: dict[str, Any]) -> RunFolderError:
    if holder.get("pid") == os.getpid() and holder.get("host") == platform.node():
        return RunFolderError(
            f"The run folder {folder} is open in this process already: let that call end, or "
            "choose another --out."
        )
    who = f"process {holder['pid']} on {holder['host']}" if holder else "another process"
    what = f" ({holder['command']}, since {holder['started']})" if holder else ""
    return RunFolderError(
        f"The run folder {folder} is in use by {who}{what}: wait until it has ended, or choose "
        "another --out."
    )


def _holder(path: Path) -> dict[str, Any]:
    """What the holder wrote; empty where it has not done so yet."""
    for _ in range(_TRIES):
        with suppress(OSError, ValueError):
            holder = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(holder, dict) and {"pid", "host", "command", "started"} <= holder.keys():
                return holder
        time.sleep(0.02)
    return {}


def _write_holder(handle: int) -> None:
    command = " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:]])
    holder = {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": shortened(command, 120),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, json.dumps(holder).encode("utf-8"))


def _is(path: Path, handle: int) -> bool:
    """Whether a path still leads to the open file."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
