"""``clipprobe audit reading``: which heads and neurons carry the written word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from attacks.typographic.reading.settings import ReadingExplanation
from attacks.typographic.settings import Lettering, WordFlags
from attacks.typographic.terminal import class_file
from attacks.typographic.texts import strategy_or_file
from clipprobe.cli import studies
from clipprobe.cli.common import open_images, progress
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
    from attacks.typographic.reading.run import READING
    from attacks.typographic.reading.source import source_of
    from clipprobe.data import as_dataset
    from clipprobe.stimuli.text import font_info

    classes = class_file(settings.classes)
    source: Any = words.source() or strategy_or_file(settings.words)
    settings = open_images(settings, whole=True)
    attack = None if lettering == Lettering() else lettering.knobs()
    if settings.run is not None and replace(lettering, font=Lettering().font) == Lettering():
        font_info(lettering.font)  # the file that the run was written with is known from here on
        attack = None
    settings = replace(settings, classes=classes, words=source, attack=attack)
    # What cannot be explained is said before the model is loaded.
    source_of(settings, as_dataset(settings.images))
    studies.run_audit(READING, settings, model, terminal, bar=_bars(), text=headline, of_all=False)


@contextmanager
def _bars() -> Iterator[Callable[[str, int, int], None]]:
    """One progress bar for each step, opened when the step begins."""
    advances: dict[str, Callable[[int], None]] = {}
    counts: dict[str, int] = {}
    with ExitStack() as stack:

        def step(name: str, done: int, total: int) -> None:
            if name not in advances:
                stack.close()  # the bar of the step before
                advances[name] = stack.enter_context(progress(name, total=total or None))
                counts[name] = 0
            advances[name](done - counts[name])
            counts[name] = done

        yield step


def headline(summary: dict[str, Any]) -> str:
    """The key figures and the ranked heads, as lines for the terminal."""
    from clipprobe.report.numbers import format_cell

    rows_of_text = [studies.headline(summary, width=22)]
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
