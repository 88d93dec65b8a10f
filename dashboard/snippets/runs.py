"""One run: what it is, and whether it is as it was written."""

from __future__ import annotations

from dashboard.snippets.images import shell


def run_code(path: str) -> str:
    """What a run says of itself, with its headline numbers."""
    lines = [
        "from clipprobe.runs import load_run",
        "",
        f"run = load_run({path!r})",
        'print(run.kind, run.manifest["counts"])',
        'for item in run.summary.get("headline") or []:',
        '    print(item["name"], item["estimate"])',
    ]
    return "\n".join(lines) + "\n"


def run_command(path: str) -> str:
    """What checks the files of a run against their hashes."""
    return shell(["clipprobe", "verify", path])
