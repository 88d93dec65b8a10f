"""Colour words in coloured ink: does a model name the ink, or read the word?

Each name loads when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attacks.typographic.stroop.audit import audit_stroop as audit_stroop
    from attacks.typographic.stroop.cards import COLOURS as COLOURS
    from attacks.typographic.stroop.cards import Card as Card
    from attacks.typographic.stroop.cards import Deck as Deck
    from attacks.typographic.stroop.cards import draw_card as draw_card
    from attacks.typographic.stroop.settings import PRESENTATIONS as PRESENTATIONS

__all__ = ["COLOURS", "PRESENTATIONS", "Card", "Deck", "audit_stroop", "draw_card"]

_HOMES = {
    **dict.fromkeys(("COLOURS", "Card", "Deck", "draw_card"), "cards"),
    "PRESENTATIONS": "settings",
    "audit_stroop": "audit",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"attacks.typographic.stroop.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'attacks.typographic.stroop' has no attribute {name!r}")
