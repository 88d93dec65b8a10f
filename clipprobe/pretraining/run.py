"""A whole pre-training run: train, draw its curves, export, evaluate, write the card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipprobe.figures.training import CURVES, training_chart
from clipprobe.models import load
from clipprobe.models.checkpoints.loading import resolve_device
from clipprobe.pretraining.evaluation import Ability, evaluate
from clipprobe.pretraining.export import export_card, export_weights, read_log
from clipprobe.pretraining.pairs import PairSpec
from clipprobe.pretraining.recipe import Recipe
from clipprobe.pretraining.retrieval import evaluate_pairs
from clipprobe.pretraining.training.begin import Begin, check_length
from clipprobe.pretraining.training.train import Progress, train
from clipprobe.report import Chart, Page, Paragraph, Section, write_html


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


def write_curves(out: Path, recipe: Recipe) -> Path | None:
    """Write ``out / "training.html"`` from ``out / "log.jsonl"``; ``None`` without a step."""
    path = out / "log.jsonl"
    log = read_log(path) if path.exists() else []
    if not log:
        return None
    n_images = round(sum(entry["n_images"] for entry in log))
    sections: list[Section] = []
    for title, (pattern, axis, meaning) in CURVES.items():
        figure = training_chart(log, pattern, axis=axis)
        if figure is not None:
            sections.append(Section(title, [Paragraph(meaning), Chart(figure, meaning)]))
    provenance: dict[str, Any] = {"recipe": recipe.to_json(), "steps": len(log)}
    page = Page(
        title=f"Training of {recipe.name}",
        subtitle=f"{len(log):,} steps, {n_images:,} images, seed {recipe.seed}.",
        sections=sections,
        provenance=provenance,
    )
    return write_html(page, out / "training.html")


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
