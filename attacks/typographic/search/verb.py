"""``clipprobe audit search``: the least visible text that flips the answer for one image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from attacks.typographic.search.settings import AttackSearch, OtherKnobs
from attacks.typographic.settings import WordList
from attacks.typographic.terminal import class_file
from clipprobe.cli.common import countdown, load_model, read_image, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def search(
    audit: AttackSearch, words: WordList, other: OtherKnobs, model: Model, terminal: Terminal
) -> None:
    """Run the search that flags and config file ask for, and print what it found."""
    from attacks.typographic.search.report import summary_of
    from attacks.typographic.search.run import SEARCH, question_of

    # What cannot be searched is said before the model is loaded.
    image = Path(str(audit.image))
    read_image(image)
    audit = replace(
        audit,
        image=image,
        classes=class_file(audit.classes),
        words=words.listed() or audit.words,
        **other.into(audit.knobs, audit.fixed),
    )
    question_of(audit)
    value = make_run(SEARCH, audit, load_model(model), countdown("searching, queries")).value
    result(summary_of(value), as_json=terminal.as_json, text=lambda: sentences(value))
    say(f"report: {value.path / 'report.html'}")


def sentences(result: Any) -> str:
    """The result as lines for the terminal."""
    from attacks.typographic.search.report import warnings
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in warnings(result)]
    least = result.words.found
    if least is not None:
        lines += [
            f"flips to            {least.answer} (margin {least.margin:.3f} logits)",
            f"text                {least.text} ({least.settings})",
            f"ink                 {least.ink:.4f} of the pixels, visibility {least.visibility:.4f}",
            f"best of             {result.words.queries} queries, found at {least.query}",
            f"verified            {'yes' if result.verified else 'no'}",
        ]
    lines.append(f"coarse tries        {format_cell(result.words.coarse)} flip")
    if result.nonsense is not None:
        lines.append(f"nonsense tries      {format_cell(result.nonsense.coarse)} flip")
    return "\n".join(lines)


SEARCH = Verb(search, (AttackSearch, WordList, OtherKnobs, Model, Terminal))
