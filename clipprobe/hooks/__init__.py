"""Look inside a forward pass (:func:`capture`) and change it (:func:`intervene`).

Names, axes and semantics: ``docs/hook-points.md``.
"""

from clipprobe.hooks.capture import capture
from clipprobe.hooks.changes import At, Mean, Patch, Scale, Steer, Zero
from clipprobe.hooks.intervene import intervene
from clipprobe.hooks.sites import HookPoint, UnitAddress, hook_points, parse_unit, resolve
from clipprobe.hooks.store import Captures

__all__ = [
    "At",
    "Captures",
    "HookPoint",
    "Mean",
    "Patch",
    "Scale",
    "Steer",
    "UnitAddress",
    "Zero",
    "capture",
    "hook_points",
    "intervene",
    "parse_unit",
    "resolve",
]
