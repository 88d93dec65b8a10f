"""A whole pre-training run: train, export, evaluate, write the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clipprobe.models import load
from clipprobe.models.checkpoints.loading import resolve_device
from clipprobe.pretraining.evaluation import Ability, evaluate
from clipprobe.pretraining.export import export_card, export_weights, read_log
from clipprobe.pretraining.pairs import PairSpec
from clipprobe.pretraining.recipe import Recipe
from clipprobe.pretraining.retrieval import evaluate_pairs
from clipprobe.pretraining.training.begin import Begin, check_length
from clipprobe.pretraining.training.curves import write_curves
from clipprobe.pretraining.training.train import Progress, train


def pretrain(
    recipe: Recipe,
    out: Path,
    *,
    steps: int,
    workers: int = 1,
    device: str = "auto",
    begin: Begin | None = None,
    on_step: Callable[[Progress, dict[str, float]], None] | None = None,
) -> list[Ability]:
    """Run ``recipe``; returns what the finished model, in ``out / "model"``, was measured to do.

    Raises:
        RunFolderError: ``out`` holds a run of another recipe.
        ConfigError: the device is unknown or absent, or no step would be taken.
    """
    check_length(begin, steps)
    place = resolve_device(device)
    bf16 = has_fast_bf16(place.type)
    try:
        model, tokenizer = train(
            recipe,
            out,
            steps=steps,
            workers=workers,
            device=str(place),
            bf16=bf16,
            begin=begin,
            on_step=on_step,
        )
    finally:  # also of a run that was interrupted
        write_curves(out, recipe)
    folder = out / "model"
    export_weights(model, tokenizer, recipe, folder)
    clip = load(folder, device=device)
    pairs = recipe.data
    abilities = evaluate_pairs(clip, pairs) if isinstance(pairs, PairSpec) else evaluate(clip)
    precision = "bfloat16" if bf16 else "float32"
    export_card(folder, recipe, abilities, read_log(out / "log.jsonl"), precision=precision)
    return abilities


def has_fast_bf16(device_type: str) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32.

    On a CPU only with AMX tiles; without them they are several times slower.
    """
    import torch

    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device_type == "cpu":
        return bool(torch.cpu._is_amx_tile_supported())
    return False
