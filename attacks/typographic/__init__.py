"""Typographic attacks: words written on pictures, and how far a model follows them.

:class:`TypographicAttack` writes one word on one picture; :func:`audit_typographic` measures a
model over a data set, with controls and intervals. The audit loads when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from attacks.typographic.attack.attack import TypographicAttack, redraw
from attacks.typographic.attack.controls import nonsense_word, scrambled_word, with_controls
from attacks.typographic.attack.presets import DISTILL_PAIRS, PRESETS, Preset, preset
from attacks.typographic.attack.result import AttackedImage

if TYPE_CHECKING:
    from attacks.typographic.audit import audit_typographic as audit_typographic
    from attacks.typographic.datasets import load_attacks as load_attacks
    from attacks.typographic.stroop import audit_stroop as audit_stroop

__all__ = [
    "DISTILL_PAIRS",
    "PRESETS",
    "AttackedImage",
    "Preset",
    "TypographicAttack",
    "audit_stroop",
    "audit_typographic",
    "load_attacks",
    "nonsense_word",
    "preset",
    "redraw",
    "scrambled_word",
    "with_controls",
]


_LATER = {
    "audit_stroop": "attacks.typographic.stroop",
    "audit_typographic": "attacks.typographic.audit",
    "load_attacks": "attacks.typographic.datasets",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module 'attacks.typographic' has no attribute {name!r}")
