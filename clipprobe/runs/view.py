"""Reading a run folder: the names in it, and what may be a name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from clipprobe.errors import RunFolderError
from clipprobe.identity import called
from clipprobe.runs import jsonio, tables
from clipprobe.runs.files import inside
from clipprobe.runs.integrity import flaw, leftovers, refuse_damaged
from clipprobe.runs.manifest import broken_seal
from clipprobe.runs.shape import manifest_problem, summary_problem

MANIFEST = "manifest.json"
CONFIG = "config.json"
SUMMARY = "summary.json"
CALL = "call.json"
"""Rebuilds the call of a run; it holds paths, so it stands outside the files of the manifest."""
PARTS = "parts"
FORMAT = "clipprobe-run"
SCHEMA_VERSION = 1


class RunReader:
    """What an open run and a finished one share: reading by name."""

    path: Path

    def file(self, name: str) -> Path:
        """The path of ``name`` inside the run folder, whether it exists or not.

        Raises:
            RunFolderError: ``name`` is absolute, leads out of the folder, or through a link.
        """
        return inside(self.path, name)

    def has(self, *names: str) -> bool:
        """Whether the run folder holds all these files."""
        return all(self.file(name).is_file() for name in names)

    def read_bytes(self, name: str) -> bytes:
        """Read a file of the run as it is."""
        path = self._existing(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise self._damaged(name, error) from None

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run."""
        data = self.read_bytes(name)
        try:
            return jsonio.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as error:  # a file may nest as deep as it likes
            raise self._damaged(name, error) from None

    def read_table(self, name: str) -> Any:
        """Read a table as ``pyarrow.Table``; the columns of a CSV file are text."""
        path = self._existing(name)
        try:
            return tables.read_csv(path) if path.suffix == ".csv" else tables.read_parquet(path)
        except (ValueError, OSError) as error:  # pyarrow's errors are ValueError or OSError
            raise self._damaged(name, error) from None

    def read_arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Read the arrays of a safetensors file."""
        from safetensors import SafetensorError

        path = self._existing(name)
        try:
            return tables.read_arrays(path)
        except (SafetensorError, ValueError, OSError) as error:
            raise self._damaged(name, error) from None

    def _existing(self, name: str) -> Path:
        path = self.file(name)
        if not path.is_file():
            raise RunFolderError(
                f"The run {self.path} has no {name}: give a run of the command that writes it. If "
                "the file was removed, restore it from a copy, or make the run again with "
                "--overwrite."
            )
        return path

    def _damaged(self, name: str, error: Exception) -> RunFolderError:
        reason = " ".join(str(error).split())
        return RunFolderError(
            f"The file {name} of the run {self.path} cannot be read ({reason}): make the run again "
            "with --overwrite."
        )


@dataclass(frozen=True, slots=True)
class RunView(RunReader):
    """A complete run, for reading.

    Attributes:
        path: The run folder.
        manifest: What ``docs/store-format.md`` says about ``manifest.json``.
        summary: The content of ``summary.json``; empty where a run has none.
    """

    path: Path
    manifest: dict[str, Any]
    summary: dict[str, Any]

    @property
    def kind(self) -> str:
        """What made the run, for example ``"typographic"``."""
        return str(self.manifest["kind"])

    def leftovers(self) -> list[str]:
        """Sentences about files of earlier versions that must be deleted from the run."""
        return [
            f"{self.path} still holds {name}: {why}."
            for name, why in leftovers(self.manifest).items()
            if self.has(name)
        ]

    def refuse_damaged(self) -> None:
        """Raise unless every file of the run is what its manifest says.

        Raises:
            RunFolderError: names the files that are not.
        """
        refuse_damaged(self.path, self.manifest)

    def _existing(self, name: str) -> Path:
        """The path of a file whose content is the one that the manifest says."""
        path = RunReader._existing(self, name)
        entry = self.manifest["files"].get(name)
        if entry is not None and (wrong := flaw(path, entry)):
            raise RunFolderError(
                f"The run {self.path} is damaged ({name} {wrong}): make it again with --overwrite, "
                "or restore it from a copy."
            )
        return path

    def about(self) -> dict[str, Any]:
        """What a comparison says of the run: folder name, model, weights, configuration, seed."""
        model = self.manifest.get("model") or {}
        return {
            "name": self.path.name,
            "model": called(model),
            "weights_sha256": model.get("weights_sha256"),
            "config_sha256": self.manifest["config_sha256"],
            "seed": self.manifest["seed"],
        }


def load_run(path: str | Path) -> RunView:
    """Open a complete run, all of whose files are what its manifest says.

    Raises:
        RunFolderError: no run is there, it is unfinished or damaged, or another version wrote it.
    """
    view = _view(Path(path))
    view.refuse_damaged()
    return view


def list_runs(folder: str | Path, *, depth: int | None = None) -> list[RunView]:
    """Every complete, readable run in ``folder`` and below, ordered by path.

    Args:
        depth: How many folders below ``folder`` a run may lie; None for any number.

    Unfinished and damaged runs are left out: :func:`load_run` says what is wrong with one. Here
    the summary is compared with its hash, and every other file when it is read.
    """
    return sorted(_runs_below(Path(folder), depth), key=lambda run: run.path.as_posix())


def _view(path: Path) -> RunView:
    """A complete run, its manifest and summary checked."""
    reader = RunReader()
    reader.path = path
    if not reader.has(MANIFEST):
        if reader.has(CONFIG):
            raise RunFolderError(
                f"The run {path} is not finished: give the command that started it once more."
            )
        raise RunFolderError(f"The folder {path} holds no run (no {MANIFEST} in it).")
    manifest = reader.read_json(MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise RunFolderError(f"The {MANIFEST} in {path} is not one of a clipprobe run.")
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise RunFolderError(
            f"The run {path} has the schema version {manifest.get('schema_version')!r}, and this "
            f"clipprobe reads {SCHEMA_VERSION}: read it with the clipprobe that wrote it."
        )
    if broken_seal(manifest) or not isinstance(manifest.get("files"), dict):
        raise RunFolderError(
            f"The run {path} is damaged ({MANIFEST} was changed): make it again with --overwrite, "
            "or restore it from a copy."
        )
    view = RunView(path=path, manifest=manifest, summary={})
    _refuse_unusable(path, MANIFEST, manifest_problem(manifest))
    if SUMMARY in manifest["files"] or view.has(SUMMARY):
        view = replace(view, summary=view.read_json(SUMMARY))
    _refuse_unusable(path, SUMMARY, summary_problem(view.summary))
    return view


def _refuse_unusable(path: Path, name: str, problem: str) -> None:
    if problem:
        raise RunFolderError(
            f"The {name} of the run {path} cannot be used ({problem}): make the run again with "
            "--overwrite."
        )


def _runs_below(folder: Path, depth: int | None) -> Iterator[RunView]:
    for root, folders, names in os.walk(folder):  # does not follow links, so loops do no harm
        below = len(Path(root).relative_to(folder).parts)
        deep = depth is not None and below >= depth
        folders[:] = [
            name for name in folders if not (deep or name == PARTS or name.startswith("."))
        ]
        if MANIFEST in names:
            try:
                yield _view(Path(root))
            except RunFolderError:
                continue
