"""The run folder: a killed run goes on, a finished one is recognised, nothing is half there.

``docs/store-format.md`` is the normative description of what is written here.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt

from clipprobe.errors import RunFolderError
from clipprobe.runs import jsonio, tables
from clipprobe.runs.differences import head_of, refuse_other
from clipprobe.runs.files import disk_errors, write_atomically
from clipprobe.runs.folder import empty, remove, remove_temporaries, run_in
from clipprobe.runs.lock import LOCK, FolderLock
from clipprobe.runs.manifest import make_manifest, sha256_of_json
from clipprobe.runs.model import check_same_model, refuse_interventions, without_interventions
from clipprobe.runs.view import (
    CONFIG,
    MANIFEST,
    PARTS,
    RunReader,
    load_run,
)
from clipprobe.runs.written import Written


class Run(RunReader):
    """A run folder that is being written.

    Attributes:
        path: The folder.
        kind: What makes the run, for example ``"typographic"``.
        config: The resolved settings, as JSON knows them.
        complete: Whether the manifest is there: then there is nothing left to do.

    Example:
        >>> run = Run.open("runs/typo", kind="typographic", config={"words": 5})
        >>> if not run.complete:
        ...     run.write_table("images.parquet", {"image": ["a.png"], "correct": [True]})
        ...     run.finish(counts={"used": 1, "skipped": 0, "failed": 0}, seed=0)
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

    @classmethod
    def open(
        cls, out: str | Path, *, kind: str, config: Mapping[str, Any], overwrite: bool = False
    ) -> Run:
        """Start a run in ``out``, go on with the one that is there, or recognise a complete one.

        An unfinished run is locked until it is finished, abandoned, closed, or its process ends::

            with Run.open(out, kind=KIND, config=config) as run:
                if not run.complete:
                    ...

        Args:
            out: The run folder; it belongs to the run alone.
            kind: What makes the run.
            config: Everything that changes the result: model and weights' hash, the data set's
                fingerprint, settings, seed. Not the number of workers.
            overwrite: Take away the run that is there first. Files that are not its own stay.

        Raises:
            RunFolderError: the folder holds other files, a run with another configuration, a
                complete run that is damaged, or one that a process is working on; or it cannot be
                written.
            ConfigError: an intervention or hook changes the model of the run.
        """
        path = Path(out)
        refuse_interventions(path, config)
        head = head_of(kind, jsonio.plain(config))
        with disk_errors(path):
            existing = run_in(path)
            # A complete run needs no lock, unless one was left: its folder may be read-only.
            idle = not (path / LOCK).exists() and not (path / PARTS).exists()
            if existing is not None and idle and not overwrite and (path / MANIFEST).exists():
                return cls._recognised(path, existing, head)
            lock = FolderLock.take(path)
            try:
                existing = run_in(path)  # it may have changed meanwhile
                if existing is not None and not overwrite and (path / MANIFEST).exists():
                    run = cls._recognised(path, existing, head)
                    shutil.rmtree(path / PARTS, ignore_errors=True)  # killed behind the manifest
                    lock.release()
                    return run
                if existing is not None and overwrite:
                    empty(path)
                elif existing is not None:
                    refuse_other(path, existing, head, complete=False)
                run = cls(path, kind, head["config"], complete=False, lock=lock)
                if existing is None or overwrite:
                    data = jsonio.dumps(head).encode("utf-8")
                    write_atomically(run.file(CONFIG), lambda place: _write_bytes(place, data))
                return run
            except BaseException:
                lock.release()
                raise

    @classmethod
    def scratch(cls, path: Path, *, kind: str, config: Mapping[str, Any]) -> Run:
        """A run that nobody will open again, for a result that stays in memory.

        Unlike a run that is kept, its model may be under an open intervention.
        """
        plain = without_interventions(jsonio.plain(config))
        return cls(path, kind, plain, complete=False, lock=FolderLock.take(path))

    @classmethod
    def _recognised(cls, path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> Run:
        refuse_other(path, found, wanted, complete=True)
        load_run(path)  # refuses a damaged one
        return cls(path, wanted["kind"], wanted["config"], complete=True)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others open the folder; what is not finished can be gone on with."""
        if self._lock is not None:
            self._lock.release()

    def abandon(self) -> None:
        """Remove an unfinished run in which nothing could be used, so that it bars no next try.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        if not self.complete:
            with disk_errors(self.path):
                remove(self.path, self._open_lock())

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
        return self._write(name, lambda path: _write_bytes(path, data))

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
            write_atomically(self.file(name), lambda place: _write_bytes(place, data))

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

    def finish(
        self,
        *,
        provenance: Mapping[str, Any] | None = None,
        counts: Mapping[str, int],
        failures: Sequence[Mapping[str, str]] = (),
        seed: int,
        dataset: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the manifest, which makes the run complete, and remove its parts.

        Args:
            provenance: ``Clip.provenance()``: ``model`` and ``versions``, and more if there is.
            counts: ``used``, ``skipped`` and ``failed`` inputs.
            failures: ``{"id", "reason"}`` of each input that could not be used.
            seed: The seed of everything random.
            dataset: ``Dataset.describe()``: name, fingerprint, number of records.

        Raises:
            RunFolderError: the model is not the one that the run was opened with, or the folder
                cannot be written.
        """
        check_same_model(self, dict(provenance or {}).get("model"))
        with disk_errors(self.path):
            lock = self._open_lock()
            remove_temporaries(self.path)
            manifest = make_manifest(
                head_of(self.kind, self.config),
                provenance=provenance or {},
                counts=counts,
                failures=failures,
                files=self._written.inventory(),
                seed=seed,
                dataset=dataset,
            )
            data = jsonio.dumps(manifest).encode("utf-8")
            write_atomically(self.file(MANIFEST), lambda path: _write_bytes(path, data))
            self.complete = True
            shutil.rmtree(self.path / PARTS, ignore_errors=True)
            lock.release()

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

    def _write(self, name: str, write: Callable[[Path], None]) -> Path:
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


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
