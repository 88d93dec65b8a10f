"""Mitigations, measured: fitted on one half of the pictures, scored on the other, with the cost."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.bias.mitigation.mitigate import mitigate_bias as mitigate_bias
    from attacks.bias.mitigation.settings import METHODS as METHODS
    from attacks.bias.mitigation.transforms import clip_clip as clip_clip
    from attacks.bias.mitigation.transforms import prompt_projection as prompt_projection

__all__ = ["METHODS", "clip_clip", "mitigate_bias", "prompt_projection"]

_LATER = {
    "METHODS": "attacks.bias.mitigation.settings",
    "clip_clip": "attacks.bias.mitigation.transforms",
    "mitigate_bias": "attacks.bias.mitigation.mitigate",
    "prompt_projection": "attacks.bias.mitigation.transforms",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'attacks.bias.mitigation' has no attribute {name!r}")
