"""Reading a run folder: the names in it, and what may be a name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy.typing as npt

from clipprobe.errors import RunFolderError
from clipprobe.runs import jsonio, tables
from clipprobe.runs.shape import manifest_problem, summary_problem

MANIFEST = "manifest.json"
CONFIG = "config.json"
SUMMARY = "summary.json"
PARTS = "parts"
FORMAT = "clipprobe-run"
SCHEMA_VERSION = 1


class RunReader:
    """What an open run and a finished one share: reading by name."""

    path: Path

    def file(self, name: str) -> Path:
        """The path of ``name`` inside the run folder, whether it exists or not.

        Raises:
            RunFolderError: ``name`` is absolute or leads out of the folder.
        """
        pure = PurePosixPath(name)
        if not name or pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
            raise RunFolderError(
                f"The name {name!r} leads out of the run folder {self.path}: give a relative name."
            )
        return self.path.joinpath(*pure.parts)

    def has(self, name: str) -> bool:
        """Whether the run folder holds the file ``name``."""
        return self.file(name).is_file()

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run."""
        path = self._existing(name)
        try:
            return jsonio.loads(path.read_text(encoding="utf-8"))
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
                f"The run {self.path} has no {name}: it was made by another command, or files "
                "were removed."
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

    def about(self) -> dict[str, Any]:
        """What a comparison says of the run: folder name, model, weights, configuration, seed."""
        model = self.manifest.get("model") or {}
        return {
            "name": self.path.name,
            "model": model.get("id"),
            "weights_sha256": model.get("weights_sha256"),
            "config_sha256": self.manifest["config_sha256"],
            "seed": self.manifest["seed"],
        }


def load_run(path: str | Path) -> RunView:
    """Open a complete run.

    Raises:
        RunFolderError: no run is there, it is unfinished or damaged, or another version wrote it.
    """
    reader = RunReader()
    reader.path = Path(path)
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
    summary = reader.read_json(SUMMARY) if reader.has(SUMMARY) else {}
    for name, problem in (
        (MANIFEST, manifest_problem(manifest)),
        (SUMMARY, summary_problem(summary)),
    ):
        if problem:
            raise RunFolderError(
                f"The {name} of the run {path} is damaged ({problem}): make the run again with "
                "--overwrite."
            )
    return RunView(path=reader.path, manifest=manifest, summary=summary)


def list_runs(folder: str | Path) -> list[RunView]:
    """Every complete, readable run in ``folder`` and below, ordered by path.

    Unfinished and damaged runs are left out: :func:`load_run` says what is wrong with one.
    """
    return sorted(_runs_below(Path(folder)), key=lambda run: run.path.as_posix())


def _runs_below(folder: Path) -> Iterator[RunView]:
    for root, folders, names in os.walk(folder):  # does not follow links, so loops are no danger
        folders[:] = [name for name in folders if name != PARTS and not name.startswith(".")]
        if MANIFEST in names:
            try:
                yield load_run(root)
            except RunFolderError:
                continue
