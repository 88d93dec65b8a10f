"""``clipprobe evaluate``: what a model can and cannot do on held-out bundled stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.common import (
    DeviceOption,
    JsonOption,
    RevisionOption,
    load_model,
    progress,
    result,
    say,
)
from clipprobe.cli.models_cmd import ModelArgument
from clipprobe.errors import ConfigError

EvaluationOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the numbers here too, as JSON."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("evaluate")(evaluate)


def evaluate(
    model: ModelArgument = None,
    out: EvaluationOption = None,
    neurons: Annotated[
        bool,
        typer.Option(
            help="Count neurons that tell one concept in every modality, which takes most of the "
            "time."
        ),
    ] = True,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """The numbers of the model card, measured again: sight, reading, scenes, neurons, planted.

    Deterministic. What was planted is asked only of models that have the recipe's planted.json
    beside their weights.
    """
    from clipprobe.models.bundled import bundled_folder
    from clipprobe.pretraining.evaluation import PARTS
    from clipprobe.pretraining.evaluation import evaluate as measure
    from clipprobe.pretraining.planted import holds_planted_truth
    from clipprobe.runs.jsonio import dumps

    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        why = "it is a folder, give a file" if out.is_dir() else f"there is no folder {out.parent}"
        raise ConfigError(f"--out {out} cannot be written: {why}.")
    clip = load_model(model, device=device, revision=revision)
    planted = holds_planted_truth(bundled_folder() if model is None else Path(model))
    if not planted:
        say("Associations: left out, for no planted.json of the recipe is beside these weights.")
    asked = [p for p in PARTS if (neurons or p != "neurons") and (planted or p != "planted")]
    with progress("evaluating", total=len(asked)) as advance:
        abilities = measure(clip, parts=asked, on_part=advance)
    data = {**clip.provenance(), "abilities": [ability.to_json() for ability in abilities]}
    if out is not None:
        out.write_text(dumps(data), encoding="utf-8")
    result(data, as_json=as_json, text=lambda: abilities_text(data["abilities"]))


def abilities_text(rows: Sequence[dict[str, Any]]) -> str:
    """One line an ability, by subject: value, what it means, what was planted, q."""
    from clipprobe.pretraining.evaluation import PARTS
    from clipprobe.report.numbers import format_cell

    lines = []
    for about in dict.fromkeys(row["about"] for row in rows):
        own = [row for row in rows if row["about"] == about]
        width = max(len(format_cell(row)) for row in own)
        lines.append(PARTS.get(about, about))
        for row in own:
            tested = [
                f"{what} {row[key]:{form}}"
                for key, what, form in (("planted", "planted", "+.2f"), ("q", "q", ".4f"))
                if row.get(key) is not None
            ]
            lines.append(f"  {format_cell(row):<{width}}  {'; '.join([row['meaning'], *tested])}")
    return "\n".join(lines)
