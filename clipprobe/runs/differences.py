"""Whether the run in a folder is that of this call, and what differs where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe import version
from clipprobe.errors import RunFolderError
from clipprobe.lines import shortened
from clipprobe.runs import jsonio
from clipprobe.runs.view import FORMAT, SCHEMA_VERSION


def head_of(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """The content of ``config.json`` of a run to make or to find."""
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "config": config,
        "clipprobe": version.__version__,
    }


def refuse_other(
    path: Path, stored: dict[str, Any], new: dict[str, Any], *, complete: bool
) -> None:
    """Raise unless the run in ``path`` is that of this call.

    Args:
        path: The run folder, for the message.
        stored, new: The contents of ``config.json``, of the folder and of this call.
        complete: Whether the run that is there is complete.

    Raises:
        RunFolderError: names the settings that differ, with both values.
    """
    # A complete run stays valid under a newer clipprobe; half a run must not mix two versions.
    keys = ("schema_version", "kind", "config") if complete else tuple(new)
    changes = differing({key: stored.get(key) for key in keys}, {key: new[key] for key in keys})
    differences = [f"{name} was {_short(was)}, is now {_short(now)}" for name, was, now in changes]
    if differences:
        listing = "; ".join(differences[:4]) + ("; …" if len(differences) > 4 else "")
        raise RunFolderError(
            f"The folder {path} holds {'a' if complete else 'an unfinished'} run with another "
            f"configuration ({listing}): choose another --out, or --overwrite it."
        )


def differing(first: Any, second: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """The settings that differ between two configurations: name, first value, second value.

    Names of nested settings are joined with dots and come in sorted order.

    Example:
        >>> differing({"seed": 0, "attack": {"size": 0.1}}, {"seed": 0, "attack": {"size": 0.2}})
        [('attack.size', 0.1, 0.2)]
    """
    if isinstance(first, dict) and isinstance(second, dict):
        return [
            item
            for key in sorted(first.keys() | second.keys())
            for item in differing(first.get(key), second.get(key), f"{name}.{key}" if name else key)
        ]
    if first == second and type(first) is type(second):
        return []
    return [(name, first, second)]


def _short(value: Any) -> str:
    text = "absent" if value is None else " ".join(jsonio.dumps(value).split())
    return shortened(text, 60)
