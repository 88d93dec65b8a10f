"""``clipprobe export-card``: a bias report as the JSON of the model-card-toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.cli.common import result
from clipprobe.cli.verbs import Verb
from clipprobe.runs.settings import RunFolder
from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Printing


@dataclass(frozen=True, kw_only=True)
class CardExport(RunFolder):
    """Export a bias report to the JSON of the model-card-toolkit (schema 0.0.2).

    The run is a complete one of audit bias.
    """

    panel: ClassVar[str] = "Export"
    out: Annotated[Path | None, HOW, Flag(default="RUN/model-card.json")] = None
    """The file."""


def export_card(settings: CardExport, printing: Printing) -> None:
    """Write the model card of a run."""
    from attacks.bias.report.model_card import export_model_card
    from clipprobe.runs import load_run

    view = load_run(settings.run)
    path = export_model_card(view, settings.out or settings.run / "model-card.json")
    result({"model_card": path}, as_json=printing.as_json, text=f"The model card is {path}.")


EXPORT_CARD = Verb(export_card, (CardExport, Printing))
