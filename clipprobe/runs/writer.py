"""Writing and reading the files of an open run, each as the run itself wrote it; their hashes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt

from clipprobe.errors import RunFolderError
from clipprobe.runs import jsonio, tables
from clipprobe.runs.files import disk_errors, inside, write_atomically
from clipprobe.runs.folder import PAGES, files_in
from clipprobe.runs.integrity import sha256_of
from clipprobe.runs.ledger import LEDGER, Ledger
from clipprobe.runs.lock import FolderLock
from clipprobe.runs.manifest import sha256_of_json
from clipprobe.runs.view import CONFIG, PARTS, RunReader


class Written:
    """What is in a run folder of what the run wrote.

    Args:
        folder: The run folder, locked.
        owner: What tells the run from others: the hash of its kind and configuration.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder
        self._ledger = Ledger(inside(folder, f"{PARTS}/{LEDGER}"), owner)
        self._sums: dict[str, str] = {}

    def note(self, name: str, content: Path) -> None:
        """Note a file that is about to get its name."""
        self._sums[name] = sha256_of(content)
        self._ledger.write(name, self._sums[name])

    def adopt(self, name: str) -> None:
        """Note a file or folder that something else fills."""
        self._ledger.write(name)

    def sound(self, name: str) -> bool:
        """Whether a file is there, as this run wrote it; it is hashed once."""
        path = inside(self._folder, name)
        if not path.is_file():
            return False
        if name not in self._sums:
            digest = sha256_of(path)
            if not self._ledger.fits(name, digest):
                return False
            self._sums[name] = digest
        return True

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Size and hash of each file that stays when the run is finished."""
        files: dict[str, dict[str, Any]] = {}
        for name in sorted({CONFIG, *PAGES, *self._ledger.names}):
            own = inside(self._folder, name)
            for path in files_in(own) if own.is_dir() else [own]:
                relative = path.relative_to(self._folder)
                if relative.parts[0] != PARTS and path.is_file() and not path.is_symlink():
                    place = relative.as_posix()
                    digest = self._sums.get(place) or sha256_of(path)
                    files[place] = {"bytes": path.stat().st_size, "sha256": digest}
        return files


class RunWriter(RunReader):
    """The files of a run that is being written; they are locked, listed and hashed.

    Attributes:
        path: The folder.
        kind: What makes the run, for example ``"typographic"``.
        config: The resolved settings, as JSON knows them.
        complete: Whether the manifest is there: then there is nothing left to do.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        config: dict[str, Any],
        complete: bool,
        lock: FolderLock | None = None,
    ) -> None:
        self.path = path
        self.kind = kind
        self.config = config
        self.complete = complete
        self._lock = lock
        self._parts_only = False
        if lock is not None:
            self._written = Written(path, sha256_of_json([kind, config]))
            # For callers that let go of a run without closing it.
            weakref.finalize(self, lock.release)

    def has(self, *names: str) -> bool:
        """Whether the run folder holds all these files, each as this run wrote it.

        A part of a killed run that is damaged, or is another run's, does not count: do it again.
        """
        return all(self._sound(name) for name in names)

    def adopt(self, name: str) -> Path:
        """The path of a file or folder that something else fills, as the run's own."""
        path = self.file(name)
        with disk_errors(self.path):
            self._open_lock()
            self._written.adopt(name)
        return path

    @contextmanager
    def parts_only(self) -> Iterator[None]:
        """Inside the block nothing but parts can be written."""
        self._parts_only = True
        try:
            yield
        finally:
            self._parts_only = False

    def write(self, name: str, content: Any) -> Path:
        """Write a table, named arrays, JSON, text or bytes, whichever the suffix says."""
        by_suffix: dict[str, Callable[[str, Any], Path]] = {
            ".parquet": self.write_table,
            ".csv": self.write_table,
            ".safetensors": self.write_arrays,
            ".json": self.write_json,
        }
        if isinstance(content, bytes):
            return self.write_bytes(name, content)
        return by_suffix.get(Path(name).suffix, self.write_text)(name, content)

    def write_json(self, name: str, value: Any) -> Path:
        """Write ``value`` as JSON: sorted keys, NaN as null (see :mod:`clipprobe.runs.jsonio`)."""
        return self.write_text(name, jsonio.dumps(value))

    def write_text(self, name: str, text: str) -> Path:
        """Write a UTF-8 text file."""
        return self.write_bytes(name, text.encode("utf-8"))

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Write a file of bytes, for example a PNG."""
        return self._write(name, lambda path: path.write_bytes(data))

    def write_table(self, name: str, data: Any) -> Path:
        """Write a table: columns, rows or ``pyarrow.Table``; Parquet, or CSV for ``*.csv``."""
        writer = tables.write_csv if name.endswith(".csv") else tables.write_parquet
        return self._write(name, lambda path: writer(path, data))

    def write_arrays(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Path:
        """Write named arrays as safetensors."""
        return self._write(name, lambda path: tables.write_arrays(path, arrays))

    def write_aside(self, name: str, text: str) -> None:
        """Write a text that differs between machines, so that no manifest lists it."""
        data = text.encode("utf-8")
        with disk_errors(self.path):
            self._open_lock()
            write_atomically(self.file(name), lambda place: place.write_bytes(data))

    def part(self, name: str) -> Path:
        """The path ``parts/<name>``, for a stage that a resumed run need not do again.

        Write it with ``run.write_table("parts/<name>", …)`` and friends. Parts are removed when
        the run is finished.
        """
        return self.file(f"{PARTS}/{name}")

    def parts(self, suffix: str = "") -> list[str]:
        """Names (``parts/<name>``) of the parts that are there and sound, sorted."""
        folder = self.file(PARTS)
        if not folder.is_dir():
            return []
        names = sorted(f"{PARTS}/{entry.name}" for entry in folder.iterdir())
        return [name for name in names if name.endswith(suffix) and self._sound(name)]

    def _sound(self, name: str) -> bool:
        return self.file(name).is_file() if self.complete else self._written.sound(name)

    def _existing(self, name: str) -> Path:
        path = super()._existing(name)
        if name != CONFIG and not self._sound(name):
            raise RunFolderError(
                f"The file {name} of the run {self.path} is not as the run wrote it: give the "
                "command once more, and it is made again."
            )
        return path

    def _open_lock(self) -> FolderLock:
        if self._lock is None or not self._lock.held:
            raise RunFolderError(
                f"The run {self.path} is not open for writing: it is finished, or was closed."
            )
        return self._lock

    def _write(self, name: str, write: Callable[[Path], object]) -> Path:
        path = self.file(name)
        if self._parts_only and not name.startswith(f"{PARTS}/"):
            raise RuntimeError(f"an execution writes parts only, and hands over {name!r}")

        def noted(temporary: Path) -> None:
            write(temporary)
            self._written.note(name, temporary)

        with disk_errors(self.path):
            self._open_lock()
            write_atomically(path, noted)
        return path
