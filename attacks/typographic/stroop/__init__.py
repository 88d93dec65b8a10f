"""Colour words in coloured ink: does a model name the ink, or read the word?

Each name loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.typographic.stroop.audit import audit_stroop as audit_stroop
    from attacks.typographic.stroop.cards import COLOURS as COLOURS
    from attacks.typographic.stroop.cards import Card as Card
    from attacks.typographic.stroop.cards import Deck as Deck
    from attacks.typographic.stroop.cards import draw_card as draw_card
    from attacks.typographic.stroop.settings import PRESENTATIONS as PRESENTATIONS

__all__ = ["COLOURS", "PRESENTATIONS", "Card", "Deck", "audit_stroop", "draw_card"]

_PLACES = {
    **dict.fromkeys(("COLOURS", "Card", "Deck", "draw_card"), "attacks.typographic.stroop.cards"),
    "PRESENTATIONS": "attacks.typographic.stroop.settings",
    "audit_stroop": "attacks.typographic.stroop.audit",
}
__getattr__ = later(__name__, _PLACES)
