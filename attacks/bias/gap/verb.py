"""``clipprobe audit gap``: which units carry a gap of the bias report."""

from __future__ import annotations

from typing import Any

from attacks.bias.gap.settings import GapExplanation
from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def gap(explanation: GapExplanation, model: Model, terminal: Terminal) -> None:
    """Explain the gap that flags and config file ask about, and print the key figures."""
    from attacks.bias.gap.explain import GAP, question_of

    # What is wrong with the images or the question is said before the model is loaded.
    explanation = open_images(explanation)
    question_of(explanation)
    view = make_run(GAP, explanation, load_model(model), progress("images through the model")).run
    for note in view.summary["notes"]:
        say(note)
    result(view.summary, as_json=terminal.as_json, text=lambda: _text(view.summary))
    say(f"report: {view.path / 'report.html'}")


def _text(summary: dict[str, Any]) -> str:
    from clipprobe.report.numbers import format_cell

    return "\n".join(
        f"{item['name']:<32} {format_cell(item['estimate'])}\n    {item['meaning']}"
        for item in summary["headline"]
    )


GAP = Verb(gap, (GapExplanation, Model, Terminal))
