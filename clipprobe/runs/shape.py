"""What a manifest and a summary are, before anything reads them.

A run folder may come from anywhere: another version, another hand, a damaged disk. A file of the
wrong shape is found here, once, so that whatever shows or compares runs can rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LARGEST = 1e300  # a whole number beyond it is not a float


def manifest_problem(manifest: Mapping[str, Any]) -> str:
    """What is wrong with the manifest of a run; empty where nothing is."""
    if not isinstance(manifest.get("kind"), str):
        return "it has no kind"
    for name, fields in (
        ("model", ("id", "revision", "weights_sha256")),
        ("dataset", ("name", "fingerprint")),
    ):
        value = manifest.get(name)
        if value is not None and not _has_texts(value, fields):
            return f"its {name} is not one"
    edits = (manifest.get("model") or {}).get("edits", [])
    if not isinstance(edits, list) or not all(
        _has_texts(edit, ("kind", "sha256", "text")) for edit in edits
    ):
        return "its edits are not parts of an edit"
    if not isinstance(manifest.get("config"), dict):
        return "it has no config"
    counts = manifest.get("counts")
    if not isinstance(counts, dict) or not all(map(_is_count, counts.values())):
        return "its counts are not numbers of inputs"
    failures = manifest.get("failures")
    if not isinstance(failures, list) or not all(
        isinstance(item, dict) and item.keys() == {"id", "reason"} and _has_texts(item, item)
        for item in failures
    ):
        return "its failures are not inputs with reasons"
    return ""


def summary_problem(summary: Any) -> str:
    """What is wrong with the summary of a run; empty where nothing is."""
    if not isinstance(summary, dict):
        return "it is not an object"
    headline = summary.get("headline")
    if headline is None:
        return ""
    if not isinstance(headline, list):
        return "its headline is not a list"
    wrong = [item for item in headline if not _is_headline(item)]
    if not wrong:
        return ""
    name = wrong[0].get("name") if isinstance(wrong[0], dict) else None
    if isinstance(name, str):
        return f"the headline {name[:40]!r} has no estimate that is a number with its n"
    return "an entry of its headline has no name"


def _is_headline(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("meaning"), str | None)
        and _is_estimate(item.get("estimate"))
    )


def _is_estimate(value: Any) -> bool:
    """A value with interval, n and perhaps a reason."""
    return (
        isinstance(value, dict)
        and "value" in value
        and all(_is_bound(value.get(name)) for name in ("value", "low", "high"))
        and _is_count(value.get("n"))
        and isinstance(value.get("reason"), str | None)
    )


def _is_bound(value: Any) -> bool:
    return value is None or value in ("Infinity", "-Infinity") or _is_number(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) < _LARGEST
    return isinstance(value, float)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _has_texts(value: Any, fields: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str | None) for name in fields
    )
