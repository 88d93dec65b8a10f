"""``clipprobe audit reading``: which heads and neurons carry the written word."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from attacks.typographic import terminal as lines
from attacks.typographic.reading.settings import ReadingExplanation
from attacks.typographic.settings import Lettering, WordFlags
from attacks.typographic.texts import strategy_or_file
from clipprobe.cli.common import load_model, open_images, progress
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def reading(
    settings: ReadingExplanation,
    lettering: Lettering,
    words: WordFlags,
    model: Model,
    terminal: Terminal,
) -> None:
    """Run the explanation that flags and config file ask for, and print its headline."""
    from attacks.typographic.reading.run import explain_reading
    from attacks.typographic.reading.source import source_of
    from clipprobe.data import as_dataset
    from clipprobe.stimuli.text import font_info

    classes = settings.classes
    if isinstance(classes, str | Path):
        classes = Path(classes)
        lines.say_twice(classes)
    source: Any = words.source() or strategy_or_file(settings.words)
    settings = open_images(settings, whole=True)
    attack = None if lettering == Lettering() else lettering.knobs()
    if settings.run is not None and replace(lettering, font=Lettering().font) == Lettering():
        font_info(lettering.font)  # the file that the run was written with is known from here on
        attack = None
    settings = replace(settings, classes=classes, words=source, attack=attack)
    source_of(
        settings, as_dataset(settings.images)
    )  # what cannot be explained is said before the model loads
    clip = load_model(model)
    with ExitStack() as stack:
        run: Any = explain_reading  # which takes the record too
        view = run(clip, replace(settings, progress=_bars(stack)))
    lines.tell(view, lambda: headline(view.summary), as_json=terminal.as_json, of_all=False)


def _bars(stack: ExitStack) -> Callable[[str, int, int], None]:
    """One progress bar for each step, opened when the step begins."""
    advances: dict[str, Callable[[int], None]] = {}
    counts: dict[str, int] = {}

    def step(name: str, done: int, total: int) -> None:
        if name not in advances:
            stack.close()  # the bar of the step before
            advances[name] = stack.enter_context(progress(name, total=total or None))
            counts[name] = 0
        advances[name](done - counts[name])
        counts[name] = done

    return step


def headline(summary: dict[str, Any]) -> str:
    """The key figures and the ranked heads, as lines for the terminal."""
    from clipprobe.report.numbers import format_cell

    rows_of_text = [lines.headline(summary, width=22)]
    for title in ("head", "neuron"):
        rows = summary[f"{title}s"]
        confirmed = [row for row in rows if row["confirmed"]]
        rows_of_text.append(
            f"{title + 's confirmed':<22} {len(confirmed)} of the {len(rows)} listed"
        )
        for row in confirmed[:10]:
            rows_of_text.append(f"  {row[title]:<34} {format_cell(row['share'])} of the change")
    return "\n".join(rows_of_text)


READING = Verb(reading, (ReadingExplanation, Lettering, WordFlags, Model, Terminal))
