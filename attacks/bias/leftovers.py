"""Files of earlier versions that a bias run must no longer hold."""

from __future__ import annotations

from clipprobe.runs import RunView

DRAWS = "draws.safetensors"


def leftovers(run: RunView) -> list[str]:
    """Sentences about files in a run from which single images can be followed; none where it is
    clean.

    Earlier versions kept each figure's values on common resamples: where an outcome has one hit
    they are the mark of that image, the same in every outcome.
    """
    if not run.has(DRAWS):
        return []
    return [
        f"{run.path} still holds {DRAWS}, from which single images can be followed through the "
        "report. Delete this file, also from every copy that was given away; nothing reads it."
    ]
