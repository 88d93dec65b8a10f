"""``clipprobe audit mitigate``: what mitigations remove, what they cost, what else they change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attacks.bias.mitigation.settings import Mitigations
from clipprobe.cli.common import load_model, open_images, progress, result, say
from clipprobe.cli.studies import make_run
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def mitigate(mitigations: Mitigations, model: Model, terminal: Terminal) -> None:
    """Measure the mitigations that flags and config file ask for, and print every change."""
    from attacks.bias.mitigation.mitigate import MITIGATION
    from clipprobe.data import as_dataset

    # The images are opened before the model, so that a wrong path is said at once.
    mitigations = open_images(mitigations)
    utility = mitigations.utility
    settings = replace(mitigations, utility=None if utility is None else as_dataset(utility))
    bar = progress("images through the model")
    view = make_run(MITIGATION, settings, load_model(model), bar).run
    for note in view.summary["notes"]:
        say(note)
    result(view.summary, as_json=terminal.as_json, text=lambda: _text(view.summary))
    say(f"report: {view.path / 'report.html'}")


def _text(summary: dict[str, Any]) -> str:
    from clipprobe.report.numbers import format_cell

    lines, undefined = [], {}
    for one in summary["methods"]:
        lines.append(one["method"])
        for change in one["changes"]:
            name = f"{change['measure']}, {change['about']}"
            before, after = format_cell(change["before"]), format_cell(change["after"])
            if change["before"]["value"] is None and before == after:
                undefined[name] = before  # the same of every method: said once
            else:
                lines.append(f"  {name:<44} {before} -> {after}")
    return "\n".join([*lines, *(f"{name}: {why}" for name, why in undefined.items())])


MITIGATE = Verb(mitigate, (Mitigations, Model, Terminal))
