"""``clipprobe pretrain``: train a CLIP from nothing by a recipe, on stimuli drawn on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipprobe.cli.common import DeviceOption, JsonOption, OutOption, SeedOption, progress, result
from clipprobe.errors import ConfigError

RecipeOption = Annotated[str, typer.Option("--recipe", help="emoji-clip, the bundled model's.")]
StepsOption = Annotated[
    int, typer.Option("--steps", min=1, help="Optimizer steps of about 270 images.")
]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that draw images beside the training.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("pretrain")(pretrain)


def pretrain(
    out: OutOption,
    recipe: RecipeOption = "emoji-clip",
    steps: StepsOption = 2700,
    workers: WorkersOption = 1,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a CLIP; the same command goes on where a killed one stopped.

    Writes checkpoints and a log to OUT and the finished checkpoint folder to OUT/model.
    """
    from clipprobe.pretraining.recipe import RECIPES
    from clipprobe.pretraining.run import pretrain as run
    from clipprobe.report.numbers import format_cell

    if recipe not in RECIPES:
        raise ConfigError(f"No recipe is called {recipe!r}: there is {', '.join(RECIPES)}.")
    with progress("training", total=steps) as advance:
        abilities = run(
            RECIPES[recipe](seed),
            Path(out),
            steps=steps,
            workers=workers,
            device=device,
            on_step=lambda _progress, _figures: advance(1),
        )
    rows = [ability.to_json() for ability in abilities]
    result(
        {"model": str(out / "model"), "abilities": rows},
        as_json=as_json,
        text=lambda: "\n".join(
            f"{row['name']}: {format_cell(row)} ({row['meaning']})" for row in rows
        ),
    )
