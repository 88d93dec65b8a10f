"""Colour words in coloured ink: does a model name the ink, or read the word?

Each name loads when it is first asked for.
"""

from typing import TYPE_CHECKING

from clipprobe.later import later

if TYPE_CHECKING:
    from attacks.typographic.stroop.audit import audit_stroop as audit_stroop
    from attacks.typographic.stroop.cards import COLOURS as COLOURS
    from attacks.typographic.stroop.cards import Card as Card
    from attacks.typographic.stroop.cards import Deck as Deck
    from attacks.typographic.stroop.cards import draw_card as draw_card
    from attacks.typographic.stroop.settings import PRESENTATIONS as PRESENTATIONS

__getattr__, __dir__ = later(__name__)
