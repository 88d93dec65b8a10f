"""``clipprobe audit sweep``: how an attack's effect changes with the way its word is written."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from attacks.typographic.settings import WordFlags
from attacks.typographic.sweep.settings import BaseFlags, TypographicSweep
from attacks.typographic.terminal import class_file
from attacks.typographic.texts import strategy_or_file
from clipprobe.cli.common import countdown, open_images
from clipprobe.cli.studies import headline, run_audit
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def sweep(
    audit: TypographicSweep, base: BaseFlags, words: WordFlags, model: Model, terminal: Terminal
) -> None:
    """Run the sweep that flags and config file ask for, and print its headline."""
    from attacks.typographic.rendering.cases import labels_of
    from attacks.typographic.sweep.run import SWEEP, grid_of

    # What cannot be run is said before the model is loaded.
    audit = open_images(audit)
    source: Any = words.source() or strategy_or_file(audit.words)
    classes = class_file(audit.classes)
    audit = replace(audit, classes=classes, words=source, **base.knobs())
    grid_of(audit)
    if audit.classes is None:
        labels_of(audit.dataset(), audit.name_pattern)
    bar = countdown("sweeping, images encoded")
    run_audit(SWEEP, audit, model, terminal, bar=bar, text=partial(headline, width=25))


SWEEP = Verb(sweep, (TypographicSweep, BaseFlags, WordFlags, Model, Terminal))
