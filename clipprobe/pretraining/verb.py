"""``clipprobe pretrain``: train a CLIP from nothing by a recipe, on stimuli drawn on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.cli.common import progress, result, say
from clipprobe.cli.run_folder import RUN_FOLDER
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.pretraining.plan import STEPS, STEPS_ON_PAIRS
from clipprobe.pretraining.settings import Pretraining
from clipprobe.runs.files import check_writable, disk_errors
from clipprobe.settings.shared import DryRun, Terminal

if TYPE_CHECKING:
    from clipprobe.pretraining.recipe import Recipe


def pretrain(settings: Pretraining, dry: DryRun, terminal: Terminal) -> None:
    """Train, and print what the finished model can do."""
    from clipprobe.pretraining.evaluation.ability import abilities_text
    from clipprobe.pretraining.recipe import RECIPES
    from clipprobe.pretraining.run import pretrain as run
    from clipprobe.pretraining.training.begin import Begin

    out, name = settings.out, settings.recipe
    with disk_errors(out):
        check_writable(out)
    RUN_FOLDER.set(out)
    if name not in RECIPES:
        raise ConfigError(f"No recipe is called {name!r}: there is {', '.join(RECIPES)}.")
    recipe = RECIPES[name](settings.seed)
    if settings.pairs is not None:
        recipe = _on(settings.pairs, recipe)
    begin = None
    if settings.continue_from is not None:
        begin = Begin(folder=settings.continue_from, step=settings.at_step)
    steps = settings.steps or (STEPS if settings.pairs is None else STEPS_ON_PAIRS)
    how: Any = {"workers": settings.workers, "device": settings.device, "begin": begin}
    if dry.dry_run:
        from clipprobe.pretraining.rehearsal import rehearse_training

        rehearsal = rehearse_training(recipe, out, steps=steps, **how)
        data = {"dry_run": True, **rehearsal.to_json(), "seconds": rehearsal.seconds}
        result(data, as_json=terminal.as_json, text=rehearsal.text)
        return
    with progress("training", total=steps) as advance:
        abilities = run(
            recipe,
            out,
            steps=steps,
            **how,
            on_step=lambda _progress, _figures: advance(1),
        )
    rows = [ability.to_json() for ability in abilities]
    result(
        {"model": str(out / "model"), "abilities": rows},
        as_json=terminal.as_json,
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
        reasons = "; ".join(f"{failure.id}: {failure.reason}" for failure in failures[:3])
        say(f"{len(failures)} pairs cannot be used and are left out ({reasons}).")
    return on_pairs(recipe, spec)


PRETRAIN = Verb(pretrain, (Pretraining, DryRun, Terminal))
