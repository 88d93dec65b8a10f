"""Colour words in coloured ink: does a model name the ink, or read the word?

The audit loads when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from attacks.typographic.stroop.cards import COLOURS, PRESENTATIONS, Card, Deck, draw_card

if TYPE_CHECKING:
    from attacks.typographic.stroop.audit import audit_stroop as audit_stroop

__all__ = ["COLOURS", "PRESENTATIONS", "Card", "Deck", "audit_stroop", "draw_card"]


def __getattr__(name: str) -> Any:
    if name == "audit_stroop":
        return importlib.import_module("attacks.typographic.stroop.audit").audit_stroop
    raise AttributeError(f"module 'attacks.typographic.stroop' has no attribute {name!r}")
