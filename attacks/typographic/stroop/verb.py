"""``clipprobe audit stroop``: does a model name the ink, or read the word?"""

from __future__ import annotations

from attacks.typographic.stroop.settings import StroopAudit
from clipprobe.cli.common import countdown
from clipprobe.cli.studies import headline, run_audit
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def stroop(audit: StroopAudit, model: Model, terminal: Terminal) -> None:
    """Run the audit that flags and config file ask for, and print its headline."""
    from attacks.typographic.stroop.audit import STROOP, cards_of

    cards_of(audit)  # what cannot be shown or asked is said before the model is loaded
    bar = countdown("showing cards")
    run_audit(STROOP, audit, model, terminal, bar=bar, text=headline, things="cards")


STROOP = Verb(stroop, (StroopAudit, Model, Terminal))
