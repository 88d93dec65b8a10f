"""``clipprobe neurons compose``: which few units make a class."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.neurons.effects.settings import Composing
from clipprobe.settings.shared import Model, Terminal


def compose(settings: Composing, model: Model, terminal: Terminal) -> None:
    """Print the units that make each class, and how well they tell it."""
    from clipprobe.data import Dataset
    from clipprobe.neurons.effects.composing.page import composed_text
    from clipprobe.neurons.effects.composing.store import COMPOSITION, source_of

    if settings.images is not None:
        settings = open_images(settings)
    source = source_of(settings)  # what can be wrong is read before the model
    bar: Any = progress("images", len(source)) if isinstance(source, Dataset) else nullcontext()
    value = make_run(COMPOSITION, settings, load_model(model), bar).value
    result(
        value.to_json(),
        as_json=terminal.as_json,
        text=lambda: composed_text(value.rows, value.compositions),
    )
    if settings.out is not None:
        say(f"The report is {settings.out}/report.html.")


COMPOSE = Verb(compose, (Composing, Model, Terminal))
