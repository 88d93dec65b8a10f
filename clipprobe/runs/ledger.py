"""What a run has written so far, each file with a seal, so that a killed run trusts only its own.

``parts/.ledger`` has one line for each file that was written: its name and a seal over the run's
configuration, that name and the content. A part that was cut short, changed, emptied, put under
another name or brought over from another run has no seal that fits, and is done again. A line is
written before its file gets its name, so no file of a run is unknown to the ledger; a file written
twice has two lines, and either content is one that the run wrote.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

LEDGER = ".ledger"


class Ledger:
    """The ledger of one run.

    Args:
        path: Its file; made with the first line.
        owner: What tells this run from others: the hash of its configuration.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self._path = path
        self._owner = owner
        self._seals, torn = _lines(path)
        self._before = b"\n" if torn else b""  # a killed process may have left half a line

    @property
    def names(self) -> set[str]:
        """Names of all files and folders that were written."""
        return set(self._seals)

    def write(self, name: str, sha256: str = "") -> None:
        """Note a file that is about to be put in place; without a hash, a folder of files."""
        seal = self._seal(name, sha256)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(self._before + json.dumps([name, seal]).encode("ascii") + b"\n")
        self._before = b""
        self._seals.setdefault(name, set()).add(seal)

    def fits(self, name: str, sha256: str) -> bool:
        """Whether this run wrote this content under this name."""
        return self._seal(name, sha256) in self._seals.get(name, ())

    def _seal(self, name: str, sha256: str) -> str:
        return hashlib.sha256(f"{self._owner}\n{name}\n{sha256}".encode()).hexdigest()


def ledger_names(path: Path) -> set[str]:
    """The names in a ledger, whoever wrote it."""
    return set(_lines(path)[0])


def _lines(path: Path) -> tuple[dict[str, set[str]], bool]:
    """Seals by name of every whole line, and whether the last one is torn."""
    seals: dict[str, set[str]] = {}
    content = path.read_bytes() if path.is_file() else b""
    for line in content.splitlines():
        try:
            name, seal = json.loads(line)
        except (ValueError, TypeError):  # damaged: its file is done again
            continue
        if isinstance(name, str) and isinstance(seal, str):
            seals.setdefault(name, set()).add(seal)
    return seals, bool(content) and not content.endswith(b"\n")
