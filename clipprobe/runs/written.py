"""The files that an unfinished run has written: which of them can be trusted, and their hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.runs.files import inside
from clipprobe.runs.folder import PAGES, files_in
from clipprobe.runs.integrity import sha256_of
from clipprobe.runs.ledger import LEDGER, Ledger
from clipprobe.runs.view import CONFIG, PARTS


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
