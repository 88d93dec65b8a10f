"""``clipprobe audit sweep``: how an attack's effect changes with the way its word is written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attacks.typographic.settings import WordFlags
from attacks.typographic.sweep.settings import BaseFlags, TypographicSweep
from attacks.typographic.terminal import class_file, headline, tell
from attacks.typographic.texts import strategy_or_file
from clipprobe.cli.common import TimeLeft, about, countdown, load_model, open_images, say
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
    with countdown("sweeping, images encoded") as bar:
        run: Any = run_sweep  # which takes the record too
        view = run(clip, replace(audit, progress=announced(bar)))
    tell(view, lambda: headline(view.summary, width=25), as_json=terminal.as_json)


def announced(step: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """``step`` that says, once each, how much there is to do and how long it will take.

    On a terminal the bar shows both, all the time.
    """
    if sys.stderr.isatty():
        return step
    remaining = TimeLeft()
    printed = {"work": False, "time": False}

    def tell_once(done: int, total: int) -> None:
        seconds = remaining(done, total)
        if not printed["work"]:
            printed["work"] = True
            say(f"{total:,} images to encode at most.")
        elif seconds is not None and not printed["time"] and done * 50 >= total:
            printed["time"] = True
            say(f"{total - done:,} images left, about {about(seconds)} at the pace so far.")
        step(done, total)

    return tell_once


SWEEP = Verb(sweep, (TypographicSweep, BaseFlags, WordFlags, Model, Terminal))
