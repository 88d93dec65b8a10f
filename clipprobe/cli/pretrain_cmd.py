"""``clipprobe pretrain``: train a CLIP from nothing by a recipe, on stimuli drawn on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipprobe.cli.common import DeviceOption, JsonOption, SeedOption, progress, result
from clipprobe.cli.evaluate_cmd import abilities_text
from clipprobe.cli.run_folder import RUN_FOLDER
from clipprobe.errors import ConfigError
from clipprobe.pretraining.plan import STEPS, STEPS_ON_PAIRS, WIDE_FROM

if TYPE_CHECKING:
    from clipprobe.pretraining.recipe import Recipe

OutOption = Annotated[Path, typer.Option("--out", help="The folder of the training to write.")]
RecipeOption = Annotated[str, typer.Option("--recipe", help="emoji-clip, the bundled model's.")]
PairsOption = Annotated[
    Path | None,
    typer.Option(
        "--pairs",
        metavar="TABLE",
        help="Train the recipe's towers on your own pairs: a table with file_name and caption.",
    ),
]
StepsOption = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        help="Optimizer steps of about 180 images.",
        show_default=f"{STEPS}, the recipe's; with --pairs {STEPS_ON_PAIRS}",
    ),
]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that draw images beside the training.")
]
ContinueOption = Annotated[
    Path | None,
    typer.Option(
        "--continue-from",
        metavar="FOLDER",
        help="Begin with the finished weights and the tokenizer of this checkpoint folder.",
    ),
]
AtStepOption = Annotated[
    int,
    typer.Option("--at-step", min=1, help="The recipe's step that --continue-from goes on at."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("pretrain")(pretrain)


def pretrain(
    out: Annotated[Path, typer.Option("--out", help="The folder for the checkpoint.")],
    recipe: RecipeOption = "emoji-clip",
    pairs: PairsOption = None,
    steps: StepsOption = None,
    workers: WorkersOption = 1,
    continue_from: ContinueOption = None,
    at_step: AtStepOption = WIDE_FROM,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train a CLIP; the same command goes on where a killed one stopped.

    Writes checkpoints, a log and its curves (training.html) to OUT and the finished checkpoint
    folder to OUT/model.
    """
    from clipprobe.pretraining.begin import Begin
    from clipprobe.pretraining.recipe import RECIPES
    from clipprobe.pretraining.run import pretrain as run

    RUN_FOLDER.set(out)
    if recipe not in RECIPES:
        raise ConfigError(f"No recipe is called {recipe!r}: there is {', '.join(RECIPES)}.")
    chosen = RECIPES[recipe](seed)
    if pairs is not None:
        chosen = _on(pairs, chosen)
    if steps is None:
        steps = STEPS if pairs is None else STEPS_ON_PAIRS
    begin = None if continue_from is None else Begin(folder=continue_from, step=at_step)
    with progress("training", total=steps) as advance:
        abilities = run(
            chosen,
            Path(out),
            steps=steps,
            workers=workers,
            device=device,
            begin=begin,
            on_step=lambda _progress, _figures: advance(1),
        )
    rows = [ability.to_json() for ability in abilities]
    result(
        {"model": str(out / "model"), "abilities": rows},
        as_json=as_json,
        text=lambda: abilities_text(rows),
    )


def _on(table: Path, recipe: Recipe) -> Recipe:
    """The recipe on a user's pairs; says what could not be used."""
    from clipprobe.pretraining.pairs import open_pairs
    from clipprobe.pretraining.recipe import on_pairs

    with progress("reading the pairs") as advance:
        spec, failures = open_pairs(
            table,
            seed=recipe.seed,
            size_px=recipe.shape.image_px,
            patch_px=recipe.shape.patch_px,
            on_image=advance,
        )
    if failures:
        named = "; ".join(f"{failure.id}: {failure.reason}" for failure in failures[:3])
        typer.echo(f"{len(failures)} pairs cannot be used and are left out ({named}).", err=True)
    return on_pairs(recipe, spec)
