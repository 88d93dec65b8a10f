"""``clipprobe export-card``: a bias report as the JSON of the model-card-toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipprobe.cli.common import JsonOption, result


def register(app: typer.Typer) -> None:
    """Add ``export-card``."""
    app.command("export-card")(export_card)


def export_card(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a complete audit bias run.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file.", show_default="RUN/model-card.json")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Export a bias report to the JSON of the model-card-toolkit (schema 0.0.2)."""
    from attacks.bias.report.model_card import export_model_card
    from clipprobe.runs import load_run

    view = load_run(run)
    path = export_model_card(view, out if out is not None else run / "model-card.json")
    result({"model_card": path}, as_json=as_json, text=lambda: f"The model card is {path}.")
