"""``clipprobe audit faithfulness``: from records to a printed headline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clipprobe.attribution.faithfulness.settings import FaithfulnessAudit
from clipprobe.cli.common import countdown, load_model, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def faithfulness(audit: FaithfulnessAudit, model: Model, terminal: Terminal) -> None:
    """Run the audit and print its headline."""
    from clipprobe.attribution.faithfulness.audit import audit_faithfulness
    from clipprobe.attribution.faithfulness.sources import source_of
    from clipprobe.attribution.registry import attribution_methods, settings_of_each
    from clipprobe.attribution.settings import read_pairs
    from clipprobe.report.numbers import format_cell

    # Wrong data and settings are said before the model is loaded.
    source_of(audit, 1)
    settings_of_each(audit.methods or attribution_methods(), read_pairs(audit.extra))
    clip = load_model(model)
    with countdown("explaining and measuring, targets") as step:
        carry_out: Any = audit_faithfulness  # which takes the record too
        view = carry_out(clip, replace(audit, progress=step))
    lines = [f"warning: {text}" for text in view.summary["warnings"]]
    lines += [
        f"{item['name']:<28} {format_cell(item['estimate'])}  {item['meaning']}"
        for item in view.summary["headline"]
    ]
    result(view.summary, as_json=terminal.as_json, text="\n".join(lines))
    counts = view.manifest["counts"]
    if lost := counts["failed"]:
        say(f"{lost} of {counts['used'] + lost} images were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")


FAITHFULNESS = Verb(faithfulness, (FaithfulnessAudit, Model, Terminal))
