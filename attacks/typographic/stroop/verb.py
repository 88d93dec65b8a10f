"""``clipprobe audit stroop``: does a model name the ink, or read the word?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attacks.typographic.stroop.settings import StroopAudit
from attacks.typographic.terminal import headline, tell
from clipprobe.cli.common import countdown, load_model
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def stroop(audit: StroopAudit, model: Model, terminal: Terminal) -> None:
    """Run the audit that flags and config file ask for, and print its headline."""
    from attacks.typographic.stroop.audit import audit_stroop, cards_of

    cards_of(audit)  # what cannot be shown or asked is said before the model is loaded
    clip = load_model(model)
    with countdown("showing cards") as step:
        run: Any = audit_stroop  # which takes the record too
        view = run(clip, replace(audit, progress=step))
    tell(view, lambda: headline(view.summary), as_json=terminal.as_json, things="cards")


STROOP = Verb(stroop, (StroopAudit, Model, Terminal))
