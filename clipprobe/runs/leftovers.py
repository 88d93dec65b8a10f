"""Files of earlier versions that a run must no longer hold, and may be deleted from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DRAWS = (
    "single images can be followed through the report with it. Delete this file, also from every "
    "copy that was given away; nothing reads it"
)
#: Kind of run -> name of such a file -> why it must go.
LEFTOVERS: dict[str, dict[str, str]] = {
    # Each figure's values on common resamples: where an outcome has one hit, they are the mark of
    # that image, the same in every outcome.
    "bias": {"draws.safetensors": _DRAWS},
    "bias-written": {"draws.safetensors": _DRAWS},
}


def leftovers(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Name -> why it must go, for the kind of run of a manifest."""
    return LEFTOVERS.get(str(manifest.get("kind")), {})
