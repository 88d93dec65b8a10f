"""Which files in a folder are those of a run, and taking them away without touching others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.runs import jsonio
from clipprobe.runs.files import TEMPORARY, check_writable, disk_errors, inside
from clipprobe.runs.ledger import LEDGER, ledger_names
from clipprobe.runs.lock import LOCK, FolderLock, refuse_in_use
from clipprobe.runs.view import CALL, CONFIG, FORMAT, MANIFEST, PARTS, SUMMARY

#: Names that belong to every run, whoever wrote them into its folder.
PAGES = ("report.html", "report.md")


def run_in(folder: Path) -> dict[str, Any] | None:
    """The content of ``config.json`` of the run in a folder; None where nothing is in it yet.

    Raises:
        RunFolderError: the folder holds other files and no run.
    """
    if not folder.exists():
        return None
    names = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.name != LOCK and not entry.name.startswith(TEMPORARY)
    )
    if names and CONFIG not in names:
        raise RunFolderError(
            f"The folder {folder} holds other files ({', '.join(map(repr, names[:3]))}) and no "
            "run: choose an empty or a new folder."
        )
    if not names:
        return None
    config = _config(inside(folder, CONFIG))
    if config is None:
        raise RunFolderError(
            f"The {CONFIG} in {folder} is not one of a clipprobe run: choose an empty or a new "
            "folder."
        )
    return config


def usable_run_in(folder: Path) -> dict[str, Any] | None:
    """See :func:`run_in`, of a folder in which a run is to be made; before any work is done for it.

    Raises:
        RunFolderError: it is a file, holds other files and no run, cannot be written, or a process
            is working in it.
    """
    with disk_errors(folder):
        config = run_in(folder)
        refuse_in_use(folder)
        if not (folder / MANIFEST).exists():
            check_writable(folder)
    return config


def files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder and below, in order, without those of runs in sub-folders."""
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(name for name in folders if _config(here / name / CONFIG) is None)
        yield from (here / name for name in sorted(names))


def inner_runs(folder: Path) -> Iterator[Path]:
    """The folders of the runs in sub-folders, outer before inner."""
    for root, folders, _ in os.walk(folder):
        here = Path(root)
        if here != folder and _config(here / CONFIG) is not None:
            yield here
        folders[:] = sorted(name for name in folders if name != PARTS)


def empty(folder: Path) -> None:
    """Take away what the run in a folder wrote, but for its ``config.json``.

    What its manifest, its ledger or the format names is the run's; all else stays. Links are
    removed, never followed.
    """
    names = {SUMMARY, CALL, *PAGES, *_listed(folder)}
    with suppress(RunFolderError):
        names |= ledger_names(inside(folder, f"{PARTS}/{LEDGER}"))
    # The manifest goes first: a run that is half removed must not look complete.
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in sorted(names - {CONFIG, PARTS}):
        with suppress(RunFolderError):  # behind a link: not the run's
            path = inside(folder, name)
            _remove(path)
            _prune(path.parent, folder)
    _remove(folder / PARTS)
    remove_temporaries(folder)


def remove(folder: Path, lock: FolderLock) -> None:
    """Remove a run whose lock is given; beside foreign files its ``config.json`` stays."""
    try:
        empty(folder)
        if {entry.name for entry in folder.iterdir()} <= {CONFIG, LOCK}:
            (folder / CONFIG).unlink(missing_ok=True)
    finally:
        lock.release()
    with suppress(OSError):  # not empty, or another run began in it
        folder.rmdir()


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed process was writing."""
    for path in files_in(folder):
        if path.name.startswith(TEMPORARY):
            path.unlink(missing_ok=True)


def _config(path: Path) -> dict[str, Any] | None:
    """A ``config.json`` that is one of ours; a checkpoint's has the same name."""
    try:
        stored = jsonio.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError):
        return None
    return stored if isinstance(stored, dict) and stored.get("format") == FORMAT else None


def _listed(folder: Path) -> set[str]:
    """The names in a manifest; none where it cannot be read."""
    try:
        files = jsonio.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {name for name in files if isinstance(name, str)}
    except (ValueError, RecursionError, OSError, TypeError, KeyError):
        return set()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _prune(folder: Path, top: Path) -> None:
    """Remove a folder and those above it, below ``top``, that are empty now."""
    while folder != top:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
