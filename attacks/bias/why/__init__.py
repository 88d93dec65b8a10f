"""Which units carry a gap between annotated groups, and what is left of it without them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.bias.why.explain import explain_gap as explain_gap
    from attacks.bias.why.patching import Contributions as Contributions
    from attacks.bias.why.patching import contributions as contributions
    from attacks.bias.why.task import GapTask as GapTask
    from attacks.bias.why.task import gap_task as gap_task

__all__ = ["Contributions", "GapTask", "contributions", "explain_gap", "gap_task"]

_LATER = {
    "Contributions": "attacks.bias.why.patching",
    "GapTask": "attacks.bias.why.task",
    "contributions": "attacks.bias.why.patching",
    "explain_gap": "attacks.bias.why.explain",
    "gap_task": "attacks.bias.why.task",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'attacks.bias.why' has no attribute {name!r}")
