"""What a peak is compared with: the same hook point at random weights, where that was scanned.

A unit that responds to nothing in particular has a peak too. The level is what 95 % of the units of
a random twin stay below, on the same images with the same settings. It is read from the summary of
the twin's own atlas, which lies beside the atlas (``clipprobe neurons scan --twin`` writes it).
Without one it is what 95 % of bell-shaped units stay below, which real and random units are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipprobe.runs.view import list_runs
from clipprobe.statistics import Estimate

BELL = "bell-shaped units"
TWIN = "the hook point's units at random weights"
_SHARED = ("data", "pool", "keep", "tower", "shard")


def twin_of(path: Path) -> Path:
    """Where the atlas of the random twin is written."""
    return path.with_name(f"{path.name}-twin")


def floors_beside(path: Path | None, config: Mapping[str, Any]) -> Mapping[str, Estimate]:
    """Hook point -> the level at random weights; empty where no twin's atlas lies beside.

    Args:
        path, config: Of the atlas.
    """
    for run in () if path is None else list_runs(path.resolve().parent, depth=1):
        if run.kind == "atlas" and _is_twin(run.manifest["config"], config):
            return {
                site["site"]: Estimate(**site["peak_95"])
                for site in run.summary["sites"]
                # Not there in an older run; null with too few units.
                if "peak_95" in site and site["peak_95"]["value"] is not None
            }
    return {}


def _is_twin(other: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    name = other.get("model", {}).get("id", "")
    return name.startswith(f"{own['model']['id']} (random weights") and all(
        other.get(key) == own.get(key) for key in _SHARED
    )
