"""Look inside a forward pass (:func:`capture`) and change it (:func:`intervene`).

Names, axes and semantics: ``docs/hook-points.md``.
"""

from clipprobe.hooks.capture import capture as capture
from clipprobe.hooks.changes import At as At
from clipprobe.hooks.changes import Mean as Mean
from clipprobe.hooks.changes import Patch as Patch
from clipprobe.hooks.changes import Scale as Scale
from clipprobe.hooks.changes import Steer as Steer
from clipprobe.hooks.changes import Zero as Zero
from clipprobe.hooks.intervene import intervene as intervene
from clipprobe.hooks.sites import HookPoint as HookPoint
from clipprobe.hooks.sites import UnitAddress as UnitAddress
from clipprobe.hooks.sites import hook_points as hook_points
from clipprobe.hooks.sites import parse_unit as parse_unit
from clipprobe.hooks.sites import resolve as resolve
from clipprobe.hooks.store import Captures as Captures
