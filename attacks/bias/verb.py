"""``clipprobe audit bias``: the bias report from the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attacks.bias.settings import BiasAudit
from attacks.bias.terminal import tell
from clipprobe.cli.common import load_model, open_images, progress
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.settings.shared import Model, Terminal


def bias(audit: BiasAudit, model: Model, terminal: Terminal) -> None:
    """Make the report that flags and config file ask for, and print its headline."""
    if not (audit.images or audit.embeddings or audit.predictions):
        raise ConfigError(
            "audit bias needs --images, --embeddings or --predictions (or one of them in "
            "--config), and got none."
        )
    from attacks.bias.audit import BIAS
    from attacks.bias.inputs.cards import read_card
    from attacks.bias.prepared import asked_of, people_of
    from attacks.bias.report.against import AGAINST

    # What is wrong with the question or the images is said before a model is loaded.
    asked_of(audit)
    if audit.card is not None:
        read_card(audit.card)
    total = None
    if audit.images is not None:
        audit = open_images(audit)
        total = min(filter(None, (len(audit.dataset()), audit.limit, audit.sample)))
        total *= 1 if audit.against is None else 2
    people_of(audit)
    clip = None
    if audit.predictions is None:  # else the table says all that the model said
        clip = load_model(model)
    if audit.against is not None:
        other: Any = audit.against  # a flag gives its name
        audit = replace(audit, against=load_model(Model(model=other, device=model.device)))
    paired = audit.against is not None
    run = make_run(AGAINST if paired else BIAS, audit, clip, progress("encoding", total=total)).run
    tell(run, run.summary["warnings" if paired else "notes"], as_json=terminal.as_json)


BIAS = Verb(bias, (BiasAudit, Model, Terminal))
