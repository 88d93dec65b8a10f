"""Whether the run in a folder is the one that is asked for, and what differs where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.runs import jsonio


def refuse_other(
    path: Path, found: dict[str, Any], wanted: dict[str, Any], *, complete: bool
) -> None:
    """Raise unless the run in ``path`` is the one that is wanted.

    Args:
        path: The run folder, for the message.
        found, wanted: The contents of ``config.json``, there and asked for.
        complete: Whether the run that is there is complete.

    Raises:
        RunFolderError: names the settings that differ, with both values.
    """
    # A complete run stays valid under a newer clipprobe; half a run must not mix two versions.
    keys = ("schema_version", "kind", "config") if complete else tuple(wanted)
    differences = _differences(
        {key: found.get(key) for key in keys}, {key: wanted[key] for key in keys}
    )
    if differences:
        shown = "; ".join(differences[:4]) + ("; …" if len(differences) > 4 else "")
        raise RunFolderError(
            f"The folder {path} holds {'a' if complete else 'an unfinished'} run with another "
            f"configuration ({shown}): choose another --out, or --overwrite it."
        )


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            line
            for key in sorted(found.keys() | wanted.keys())
            for line in _differences(
                found.get(key), wanted.get(key), f"{name}.{key}" if name else key
            )
        ]
    if found == wanted and type(found) is type(wanted):
        return []
    return [f"{name} was {_short(found)}, asked is {_short(wanted)}"]


def _short(value: Any) -> str:
    text = "absent" if value is None else " ".join(jsonio.dumps(value).split())
    return text if len(text) <= 60 else text[:57] + "…"
