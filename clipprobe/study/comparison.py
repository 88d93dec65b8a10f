"""Two runs of one kind side by side; what that means stands beside the kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.errors import RunFolderError
from clipprobe.runs import RunView
from clipprobe.study.driver import carry_out
from clipprobe.study.table import COMPARISONS


def compare_runs(
    a: RunView, b: RunView, *, out: str | Path | None = None, seed: int = 0
) -> dict[str, Any]:
    """Compare two complete runs of one kind; differences are B minus A.

    Args:
        out: The run folder for the comparison, if one is wanted.
        seed: Of the bootstrap, where there is one.
    Returns:
        The summary: what was shared, and the differences with their intervals, in JSON types.
    Raises:
        RunFolderError: the two are not comparable; the message says why.
    """
    if a.kind != b.kind:
        raise RunFolderError(
            f"{a.path} is of the kind {a.kind!r} and {b.path} of the kind {b.kind!r}: give two "
            "runs of one kind."
        )
    if a.kind not in COMPARISONS:
        raise RunFolderError(
            f"Runs of the kind {a.kind!r} cannot be compared; those of these kinds can: "
            f"{', '.join(COMPARISONS)}."
        )
    for view in (a, b):
        if not view.summary:
            raise RunFolderError(f"The run {view.path} has no summary to compare: make it again.")
    study = COMPARISONS[a.kind]
    settings: Any = study.settings
    summary: dict[str, Any] = carry_out(
        study, settings(a=a.path, b=b.path, out=out, seed=seed), None
    ).value
    return summary
