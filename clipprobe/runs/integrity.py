"""Whether the files of a finished run are what its manifest says.

The manifest holds size and sha256 of every file that the run wrote, and the hash of itself. They
are compared before anything of a finished run is reused, compared, held to a threshold or shown.
A content is hashed once: as long as size, times and place of a file on disk stay the same, the
hash that was found is remembered.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.runs.files import inside
from clipprobe.runs.manifest import broken_seal

#: A file that changed so recently may change again without its time telling.
_SETTLED_NS = 2_000_000_000
_DRAWS = (
    "single images can be followed through the report with it. Delete this file, also from every "
    "copy that was given away; nothing reads it"
)
#: Files of earlier versions that a run must no longer hold: its kind -> file -> why it must go.
LEFTOVERS: dict[str, dict[str, str]] = {
    # Each figure's values on common resamples: where an outcome has one hit, they are the mark of
    # that image, the same in every outcome.
    "bias": {"draws.safetensors": _DRAWS},
    "bias-written": {"draws.safetensors": _DRAWS},
}


def flaw(path: Path, entry: Any) -> str:
    """What is wrong with a file, in a few words; empty where it is what its entry says.

    Args:
        entry: ``{"bytes": n, "sha256": hash}`` of the manifest.
    """
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if not path.is_file():
        return "is not a file"
    if not isinstance(entry, dict) or entry.keys() != {"bytes", "sha256"}:
        return "has no hash in the manifest"
    if there.st_size != entry["bytes"]:
        return f"has {there.st_size:,} bytes instead of {entry['bytes']:,}"
    try:
        return "" if sha256_of(path) == entry["sha256"] else "has other content"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def flaws(folder: Path, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Name -> what is wrong, of the files of a run that are not what its manifest says."""
    flawed = {"manifest.json": "was changed"} if broken_seal(manifest) else {}
    files = manifest.get("files")
    if not isinstance(files, dict):
        return {"manifest.json": "lists no files"}
    deletable = leftovers(manifest)
    for name, entry in sorted(files.items()):
        if name in deletable and not (folder / name).exists():
            continue
        try:
            wrong = flaw(inside(folder, name), entry)
        except RunFolderError:
            wrong = "is a link, or leads out of the folder"
        if wrong:
            flawed[name] = wrong
    return flawed


def refuse_damaged(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise unless every file of a finished run is what its manifest says.

    Raises:
        RunFolderError: names the files.
    """
    flawed = flaws(folder, manifest)
    if flawed:
        listing = ", ".join(f"{name} {wrong}" for name, wrong in list(flawed.items())[:3])
        more = f", and {len(flawed) - 3} more" if len(flawed) > 3 else ""
        raise RunFolderError(
            f"The run {folder} is damaged ({listing}{more}): make it again with --overwrite, or "
            "restore it from a copy."
        )


def sha256_of(path: Path) -> str:
    """The sha256 of a file, read again only where the file has changed."""
    there = path.stat()
    changed = max(there.st_mtime_ns, there.st_ctime_ns)
    if time.time_ns() - changed < _SETTLED_NS:
        return _hashed(path)
    return _remembered(path, there.st_size, changed, there.st_ino)


@lru_cache(maxsize=65_536)
def _remembered(path: Path, size: int, changed: int, inode: int) -> str:
    return _hashed(path)


def _hashed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def leftovers(manifest: Mapping[str, Any]) -> dict[str, str]:
    """File of earlier versions -> why it must go, for the kind of run of a manifest."""
    return LEFTOVERS.get(str(manifest.get("kind")), {})
