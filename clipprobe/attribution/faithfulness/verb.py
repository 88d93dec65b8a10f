"""``clipprobe audit faithfulness``: from records to a printed headline."""

from __future__ import annotations

from typing import Any

from clipprobe.attribution.faithfulness.settings import FaithfulnessAudit
from clipprobe.cli.common import countdown
from clipprobe.cli.studies import run_audit
from clipprobe.cli.verbs import Verb
from clipprobe.settings.shared import Model, Terminal


def faithfulness(audit: FaithfulnessAudit, model: Model, terminal: Terminal) -> None:
    """Run the audit and print its headline."""
    from clipprobe.attribution.faithfulness.audit import FAITHFULNESS
    from clipprobe.attribution.faithfulness.sources import source_of
    from clipprobe.attribution.registry import attribution_methods, settings_of_each
    from clipprobe.attribution.settings import read_pairs

    # Wrong data and settings are said before the model is loaded.
    source_of(audit, 1)
    settings_of_each(audit.methods or attribution_methods(), read_pairs(audit.extra))
    bar = countdown("explaining and measuring, targets")
    run_audit(FAITHFULNESS, audit, model, terminal, bar=bar, text=_text)


def _text(summary: dict[str, Any]) -> str:
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in summary["warnings"]]
    lines += [
        f"{item['name']:<28} {format_cell(item['estimate'])}  {item['meaning']}"
        for item in summary["headline"]
    ]
    return "\n".join(lines)


FAITHFULNESS = Verb(faithfulness, (FaithfulnessAudit, Model, Terminal))
