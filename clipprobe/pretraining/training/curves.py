"""The log of a training run as a page of curves, ``training.html``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipprobe.figures.training import CURVES, training_chart
from clipprobe.pretraining.export import read_log
from clipprobe.pretraining.recipe import Recipe
from clipprobe.report import Chart, Page, Paragraph, Section, write_html


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
