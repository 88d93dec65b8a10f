"""Whether a ``summary.json`` has the shape that everything that shows one relies on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError


def check_summary(summary: Any, path: Path) -> None:
    """Raise unless it is a mapping whose headline, if it has one, can be shown.

    Raises:
        RunFolderError: says what is wrong with it.
    """
    wrong = _wrong(summary)
    if wrong:
        raise RunFolderError(
            f"The summary.json of the run {path} cannot be used ({wrong}): make the run again with "
            "--overwrite."
        )


def _wrong(summary: Any) -> str:
    if not isinstance(summary, dict):
        return f"it holds a {type(summary).__name__}, not a mapping"
    headline = summary.get("headline", [])
    if not isinstance(headline, list):
        return "its headline is not a list"
    for item in headline:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            return "an entry of its headline has no name"
        estimate = item.get("estimate")
        if not isinstance(estimate, dict) or "value" not in estimate:
            return f"the headline {item['name']!r} has no estimate"
        for key in ("value", "low", "high"):
            if not _is_number(estimate.get(key)):
                return f"the headline {item['name']!r} has the {key} {estimate[key]!r}, no number"
    return ""


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("Infinity", "-Infinity")
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
