"""The run folder: a killed run goes on, a finished one is recognised, nothing is half there.

``docs/store-format.md`` is the normative description of what is written here.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

import clipprobe
from clipprobe.errors import RunFolderError
from clipprobe.runs import jsonio, tables
from clipprobe.runs.differences import refuse_other
from clipprobe.runs.files import TEMPORARY, disk_errors, write_atomically
from clipprobe.runs.model import check_same_model, refuse_interventions
from clipprobe.runs.provenance import versions
from clipprobe.runs.view import CONFIG, FORMAT, MANIFEST, PARTS, SCHEMA_VERSION, RunReader


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

    def __init__(self, path: Path, kind: str, config: dict[str, Any], complete: bool) -> None:
        self.path = path
        self.kind = kind
        self.config = config
        self.complete = complete

    @classmethod
    def open(
        cls, out: str | Path, *, kind: str, config: Mapping[str, Any], overwrite: bool = False
    ) -> Run:
        """Start a run in ``out``, go on with the one that is there, or recognise a complete one.

        Args:
            out: The run folder; it belongs to the run alone.
            kind: What makes the run.
            config: Everything that changes the result: model and weights' hash, the data set's
                fingerprint, settings, seed. Not the number of workers.
            overwrite: Empty a folder that holds a run first. A folder without one is never emptied.

        Raises:
            RunFolderError: the folder holds other files, a run with another configuration, or
                cannot be written.
            ConfigError: an intervention or hook changes the model of the run.
        """
        path = Path(out)
        refuse_interventions(path, config)
        wanted = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "kind": kind,
            "config": jsonio.plain(config),
            "clipprobe": clipprobe.__version__,
        }
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            run = cls(path, kind, wanted["config"], complete=False)
            names = sorted(entry.name for entry in path.iterdir())
            names = [name for name in names if not name.startswith(TEMPORARY)]
            if names and CONFIG not in names:
                raise RunFolderError(
                    f"The folder {path} holds other files ({', '.join(map(repr, names[:3]))}) and "
                    "no run: choose an empty or a new folder."
                )
            if names:
                found = run.read_json(CONFIG)
                if not isinstance(found, dict) or found.get("format") != FORMAT:
                    raise RunFolderError(
                        f"The {CONFIG} in {path} is not one of a clipprobe run: choose an empty or "
                        "a new folder."
                    )
                if not overwrite:
                    run.complete = run.has(MANIFEST)
                    if run.complete:  # killed between the manifest and the end
                        shutil.rmtree(path / PARTS, ignore_errors=True)
                    refuse_other(path, found, wanted, complete=run.complete)
                    return run
                _empty(path)
            run.write_json(CONFIG, wanted)
        return run

    def abandon(self) -> None:
        """Remove an unfinished run in which nothing could be used, so that it bars no next try.

        Raises:
            RunFolderError: the folder cannot be written.
        """
        if not self.complete:
            with disk_errors(self.path):
                _empty(self.path)
                self.path.rmdir()

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

    def part(self, name: str) -> Path:
        """The path ``parts/<name>``, for a stage that a resumed run need not do again.

        Write it with ``run.write_table("parts/<name>", …)`` and friends. Parts are removed when
        the run is finished.
        """
        return self.file(f"{PARTS}/{name}")

    def parts(self, suffix: str = "") -> list[str]:
        """Names (``parts/<name>``) of the parts that are there, sorted."""
        folder = self.path / PARTS
        if not folder.is_dir():
            return []
        return sorted(
            f"{PARTS}/{entry.name}"
            for entry in folder.iterdir()
            if entry.name.endswith(suffix) and not entry.name.startswith(TEMPORARY)
        )

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
        extra = dict(provenance or {})
        check_same_model(self, extra.get("model"))
        with disk_errors(self.path):
            for leftover in self.path.rglob(f"{TEMPORARY}*"):
                leftover.unlink(missing_ok=True)
            manifest = {
                "format": FORMAT,
                "schema_version": SCHEMA_VERSION,
                "kind": self.kind,
                "config": self.config,
                "config_sha256": _sha256(jsonio.dumps(self.config).encode("utf-8")),
                "seed": seed,
                "model": extra.pop("model", None),
                "versions": {**versions(), **extra.pop("versions", {})},
                "provenance": extra,
                "dataset": dataset,
                "counts": {name: counts.get(name, 0) for name in ("used", "skipped", "failed")},
                "failures": sorted(
                    ({"id": item["id"], "reason": item["reason"]} for item in failures),
                    key=lambda item: (item["id"], item["reason"]),
                ),
                "files": self._files(),
            }
            self.write_json(MANIFEST, manifest)
            self.complete = True
            shutil.rmtree(self.path / PARTS, ignore_errors=True)

    def _files(self) -> dict[str, dict[str, Any]]:
        """Size and hash of each file; runs in sub-folders (of a demo) have their own manifest."""
        listed: dict[str, dict[str, Any]] = {}
        inner = {file.parent for file in self.path.rglob(CONFIG) if _starts_a_run(file)}
        inner.discard(self.path)
        for file in sorted(self.path.rglob("*")):
            relative = file.relative_to(self.path)
            if not file.is_file() or relative.parts[0] == PARTS or relative.name == MANIFEST:
                continue
            if inner.isdisjoint(file.parents):
                digest = _sha256_file(file)
                listed[relative.as_posix()] = {"bytes": file.stat().st_size, "sha256": digest}
        return listed

    def _write(self, name: str, write: Any) -> Path:
        path = self.file(name)
        with disk_errors(self.path):
            write_atomically(path, write)
        return path


def _starts_a_run(config: Path) -> bool:
    """Whether a ``config.json`` is one of ours; a checkpoint's has the same name."""
    try:
        found = jsonio.loads(config.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return False
    return isinstance(found, dict) and found.get("format") == FORMAT


def _empty(folder: Path) -> None:
    # The manifest goes first: a run that is half removed must not look complete.
    (folder / MANIFEST).unlink(missing_ok=True)
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name == CONFIG):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha256_file(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
