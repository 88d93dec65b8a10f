"""``clipprobe audit sweep``: how an attack's effect changes with the way its word is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attacks.typographic.settings import WordFlags
from attacks.typographic.sweep.settings import BaseFlags, TypographicSweep
from attacks.typographic.terminal import class_file, headline, tell
from attacks.typographic.texts import strategy_or_file
from clipprobe.cli.common import countdown, load_model, open_images
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def sweep(
    audit: TypographicSweep, base: BaseFlags, words: WordFlags, model: Model, terminal: Terminal
) -> None:
    """Run the sweep that flags and config file ask for, and print its headline."""
    from attacks.typographic.rendering.cases import labels_of
    from attacks.typographic.sweep.run import grid_of
    from attacks.typographic.sweep.run import sweep as run_sweep

    # What cannot be run is said before the model is loaded.
    audit = open_images(audit)
    source: Any = words.source() or strategy_or_file(audit.words)
    classes = class_file(audit.classes)
    audit = replace(audit, classes=classes, words=source, **base.knobs())
    grid_of(audit)
    if audit.classes is None:
        labels_of(audit.dataset(), audit.name_pattern)
    clip = load_model(model)
    with countdown("sweeping, images encoded") as step:
        run: Any = run_sweep  # which takes the record too
        view = run(clip, replace(audit, progress=step))
    tell(view, lambda: headline(view.summary, width=25), as_json=terminal.as_json)


SWEEP = Verb(sweep, (TypographicSweep, BaseFlags, WordFlags, Model, Terminal))
