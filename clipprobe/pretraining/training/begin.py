"""Where a training run begins: from nothing, from finished weights, or in its own folder again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.models.checkpoints.weights import weights_sha256
from clipprobe.pretraining.model import build_model, build_tokenizer, open_model
from clipprobe.pretraining.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Where a run begins that does not begin from nothing."""

    folder: Path
    """A checkpoint folder, as :func:`export_weights` writes it."""
    step: int
    """Steps of the recipe that its weights have behind them."""

    def __post_init__(self) -> None:
        if not (self.folder / "model.safetensors").is_file():
            raise ConfigError(
                f"{self.folder} holds no model.safetensors: give a checkpoint folder to go on from."
            )

    def to_json(self) -> dict[str, Any]:
        """What identifies it, wherever the folder lies."""
        return {
            "weights_sha256": weights_sha256([self.folder / "model.safetensors"]),
            "step": self.step,
        }


def first_model(recipe: Recipe, begin: Begin | None) -> tuple[Any, Any]:
    """The ``CLIPModel`` and ``CLIPTokenizer`` before the first step."""
    if begin is not None:
        return open_model(begin.folder)
    tokenizer = build_tokenizer(
        recipe.data.corpus(recipe.tokenizer_batches), recipe.shape.vocabulary
    )
    return build_model(recipe.shape, tokenizer, recipe.seed), tokenizer


def check_length(begin: Begin | None, steps: int) -> None:
    """Refuse a run that would end before it begins.

    Raises:
        ConfigError: it would.
    """
    if begin is not None and begin.step >= steps:
        raise ConfigError(
            f"The run is to go on at step {begin.step} and to end at step {steps}: no step is "
            "left, give more --steps."
        )


def claim(out: Path, recipe: Recipe, begin: Begin | None) -> None:
    """Write the recipe, or check that the folder's is the same.

    Raises:
        RunFolderError: it is another, or there are other files and no recipe.
    """
    refuse_other_recipe(out, recipe, begin)
    (out / "recipe.json").write_text(_text(recipe, begin))


def refuse_other_recipe(out: Path, recipe: Recipe, begin: Begin | None) -> None:
    """Raise where the folder holds a run of another recipe, or other files and no run.

    Raises:
        RunFolderError: it does.
    """
    path = out / "recipe.json"
    if out.is_dir() and not path.exists() and (others := sorted(one.name for one in out.iterdir())):
        raise RunFolderError(
            f"The folder {out} holds other files ({', '.join(map(repr, others[:3]))}) and no "
            "training run: choose an empty or a new folder."
        )
    if path.exists() and path.read_text() != _text(recipe, begin):
        raise RunFolderError(f"{out} holds a training run of another recipe: give another folder.")


def _text(recipe: Recipe, begin: Begin | None) -> str:
    about = recipe.to_json() | ({} if begin is None else {"begin": begin.to_json()})
    return json.dumps(about, indent=2, sort_keys=True) + "\n"


def trim_log(path: Path, step: int) -> None:
    """Drop the lines of steps that will be taken again."""
    if path.exists():
        lines = [line for line in path.read_text().splitlines() if json.loads(line)["step"] < step]
        path.write_text("".join(f"{line}\n" for line in lines))
