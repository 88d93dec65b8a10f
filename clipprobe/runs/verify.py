"""Every file of a run and of the runs inside it, against the hashes that were written with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.runs.files import TEMPORARY
from clipprobe.runs.folder import files_in, inner_runs
from clipprobe.runs.integrity import flaws, leftovers
from clipprobe.runs.lock import LOCK
from clipprobe.runs.manifest import SEAL
from clipprobe.runs.view import CALL, CONFIG, MANIFEST, PARTS, SUMMARY, RunReader


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck:
    """What was found of one run."""

    name: str
    """Where it lies below the run that was asked for; ``.`` for that one."""
    kind: str
    """What made it; empty where its manifest cannot be read."""
    problem: str
    """Why its files could not be checked; else empty."""
    files: dict[str, str]
    """Name -> ``ok``, or what is wrong, of every file of the manifest and the manifest itself."""
    unlisted: tuple[str, ...]
    """Files in the folder that are not the run's."""
    notes: tuple[str, ...]
    """What a reader should know although nothing is damaged."""

    @property
    def damaged(self) -> dict[str, str]:
        """The files that are not what was written."""
        return {name: state for name, state in self.files.items() if state != "ok"}

    @property
    def sound(self) -> bool:
        """Whether the run is complete and every file what was written."""
        return not self.problem and not self.damaged

    def to_json(self) -> dict[str, Any]:
        """The fields, and whether it is sound."""
        return {**asdict(self), "sound": self.sound}


def verify_run(path: str | Path) -> list[RunCheck]:
    """Check a run and those inside it, the outer one first.

    Raises:
        RunFolderError: no run is there.
    """
    folder = Path(path)
    if not (folder / MANIFEST).is_file() and not (folder / CONFIG).is_file():
        raise RunFolderError(
            f"The folder {path} holds no run (no {MANIFEST} in it): give a run folder."
        )
    verified = [_verified(one, folder) for one in (folder, *inner_runs(folder))]
    sealed = _sealed(folder)
    there = {one.name for one in verified}
    return [
        *(_as_sealed(one, sealed, folder) for one in verified),
        *(
            RunCheck(name=name, kind="", problem="it is missing", files={}, unlisted=(), notes=())
            for name in sealed
            if name not in there
        ),
    ]


def _sealed(folder: Path) -> dict[str, str]:
    """The runs that the summary of a suite names, and the hashes of their manifests."""
    reader = RunReader()
    reader.path = folder
    try:
        runs = reader.read_json(SUMMARY)["runs"]
        return {str(one["name"]): str(one[SEAL]) for one in runs}
    except (RunFolderError, TypeError, KeyError):
        return {}  # of another kind, or damaged, which its own files say


def _as_sealed(one: RunCheck, sealed: Mapping[str, str], top: Path) -> RunCheck:
    manifest, _ = _manifest(top / one.name)
    if one.name not in sealed or one.problem or manifest.get(SEAL) == sealed[one.name]:
        return one
    return replace(one, problem="it is not the run that the suite made")


def _verified(folder: Path, top: Path) -> RunCheck:
    name = folder.relative_to(top).as_posix()
    manifest, problem = _manifest(folder)
    listed = manifest.get("files")
    names = [MANIFEST, *sorted(listed)] if isinstance(listed, dict) else []
    wrong = flaws(folder, manifest) if names else {}
    if manifest and not names:
        problem = f"its {MANIFEST} lists no files"
    kind = manifest.get("kind")
    there = [path.relative_to(folder).as_posix() for path in files_in(folder)]
    old = leftovers(manifest)
    notes = [f"{one}: {old[one]}." for one in there if one in old]
    if manifest and SEAL not in manifest:
        notes.append(f"{MANIFEST} has no hash of itself: an older clipprobe wrote it.")
    if manifest:
        parts = [one for one in there if one.split("/")[0] == PARTS or one == LOCK]
        if parts:
            notes.append(f"{len(parts)} files of unfinished work were left: open it once more.")
    own = {MANIFEST, CALL, CONFIG, LOCK, *names}
    return RunCheck(
        name=name,
        kind=kind if isinstance(kind, str) else "",
        problem=problem,
        files={one: wrong.get(one, "ok") for one in names},
        unlisted=tuple(
            one
            for one in there
            if one not in own
            and one.split("/")[0] != PARTS
            and not one.rsplit("/", 1)[-1].startswith(TEMPORARY)
        ),
        notes=tuple(notes),
    )


def _manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest, and why there is none where it is empty."""
    reader = RunReader()
    reader.path = folder
    if not (folder / MANIFEST).exists():
        return {}, "it is not finished"
    try:
        manifest = reader.read_json(MANIFEST)
    except RunFolderError as error:
        return {}, str(error)
    if not isinstance(manifest, dict):
        return {}, f"its {MANIFEST} is not one of a run"
    return manifest, ""
