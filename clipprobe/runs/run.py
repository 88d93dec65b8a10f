"""The run folder: a killed run goes on, a finished one is recognised, nothing is half there.

``docs/store-format.md`` is the normative description of what is written here.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipprobe.runs import jsonio
from clipprobe.runs.differences import head_of, refuse_other
from clipprobe.runs.files import disk_errors, write_atomically
from clipprobe.runs.folder import empty, remove, remove_temporaries, run_in
from clipprobe.runs.lock import LOCK, FolderLock
from clipprobe.runs.manifest import make_manifest
from clipprobe.runs.model import check_same_model, refuse_interventions, without_interventions
from clipprobe.runs.view import CONFIG, MANIFEST, PARTS, load_run
from clipprobe.runs.writer import RunWriter


class Run(RunWriter):
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
                    write_atomically(run.file(CONFIG), lambda place: place.write_bytes(data))
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
    def _recognised(cls, path: Path, existing: dict[str, Any], head: dict[str, Any]) -> Run:
        refuse_other(path, existing, head, complete=True)
        load_run(path)  # refuses a damaged one
        return cls(path, head["kind"], head["config"], complete=True)

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
            write_atomically(self.file(MANIFEST), lambda path: path.write_bytes(data))
            self.complete = True
            shutil.rmtree(self.path / PARTS, ignore_errors=True)
            lock.release()
