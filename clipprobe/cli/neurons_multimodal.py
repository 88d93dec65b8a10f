"""``clipprobe neurons multimodal``: one concept in picture, drawing and word?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    OutOption,
    OverwriteOption,
    PoolOption,
    RevisionOption,
    SeedOption,
    SitesOption,
    WorkersOption,
    group,
    load_model,
    progress,
    result,
    say,
)
from clipprobe.lines import one_line

if TYPE_CHECKING:
    from clipprobe.neurons.multimodality import Multimodality

DEFAULT_RUN = Path("runs/multimodal")

PerConceptOption = Annotated[
    int,
    typer.Option("--per-concept", min=4, help="Bundled images of each concept in each modality."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("multimodal")(multimodal)


def multimodal(
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="A table with the columns file_name, concept and modality, or a folder with one.",
            show_default="the bundled concepts as picture, drawing and word",
        ),
    ] = None,
    out: OutOption = DEFAULT_RUN,
    sites: SitesOption = None,
    pool: PoolOption = "max",
    top: Annotated[int, typer.Option("--top", min=1, help="Units to print.")] = 20,
    per_concept: PerConceptOption = 8,
    min_images: Annotated[
        int,
        typer.Option("--min-images", min=2, help="Fewest images of a concept in each modality."),
    ] = 4,
    permutations: Annotated[
        int, typer.Option("--permutations", min=1, help="Draws of the image null.")
    ] = 2000,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Level at which q counts as significant.")
    ] = 0.05,
    random_weights: Annotated[
        bool,
        typer.Option(
            "--random-weights-control/--no-random-weights-control",
            help="Run the same network at random weights beside it.",
        ),
    ] = True,
    words: Annotated[
        bool,
        typer.Option(
            "--word-controls/--no-word-controls",
            help="Wrong words, nonsense, scrambled letters, blank and jitter for the units that "
            "are printed.",
        ),
    ] = True,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rank units by how well they tell one concept in every modality."""
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons.multimodality import bundled_probes, multimodality
    from clipprobe.neurons.multimodality.probes import as_probes

    if images is None:
        size = max(64, clip.image_size)
        probes = bundled_probes(per_concept=per_concept, seed=seed, size_px=size)
    else:
        probes = as_probes(images, min_images=min_images)
    controls = [name for name, on in (("random_weights", random_weights), ("words", words)) if on]
    with progress("testing", len(probes.dataset)) as advance:
        found = multimodality(
            clip,
            probes,
            sites,
            pool=pool,
            min_images=min_images,
            n_permutations=permutations,
            alpha=alpha,
            controls=controls,
            n_controls=top,
            seed=seed,
            batch_size=batch_size,
            workers=workers,
            out=out,
            overwrite=overwrite,
            progress=advance,
        )
    data = {**found.summary(), "units": found.ranked(top)}
    result(data, as_json=as_json, text=lambda: ranking_text(found, top))
    for note in found.notes:
        say(note)
    left_out = f" {len(found.failures)} images were left out." if found.failures else ""
    say(f"{found.claim}\nThe report is {out}/report.html.{left_out}")


def ranking_text(found: Multimodality, top: int) -> str:
    """The headline and a line for each of the best units."""
    floor = found.floor
    lines = [
        f"{len(found.units):,} units, {len(found.concepts)} concepts in "
        f"{', '.join(found.modalities)}, pooled by {found.pool}; family of {found.family_size:,}",
        found.verdict,
        f"units significant at q = {found.alpha:g}: {found.n_significant} with whole concepts "
        f"permuted, {found.n_significant_images} with images permuted alone"
        + (
            ""
            if floor is None
            else f" (random weights: {floor.n_significant}, {floor.n_significant_images})"
        ),
        f"concepts with a unit beyond the best of all units by chance: {found.n_concepts_found} "
        f"of {len(found.concepts)}",
        "",
    ]
    rows = found.ranked(top)
    unit = max(len(row["address"]) for row in rows)
    concept = max(len(one_line(str(row["concept"]))) for row in rows)
    head = "  ".join(f"{one_line(name):>8}" for name in found.modalities)
    lines.append(
        f"{'unit':<{unit}}  {'concept':<{concept}}  {'score':<24}  {head}  {'q':>8}  floor"
    )
    for row in rows:
        each = "  ".join(f"{_short(row[f'auroc_{name}']):>8}" for name in found.modalities)
        score = f"{_short(row['score'])} [{_short(row['low'])}, {_short(row['high'])}]"
        n = sum(row[f"n_{name}"] for name in found.modalities)
        lines.append(
            f"{row['address']:<{unit}}  {one_line(str(row['concept'])):<{concept}}  "
            f"{f'{score} n={n}':<24}  {each}  {row['q']:>8.2g}  "
            + ("–" if math.isnan(row["floor"]) else f"{row['floor']:.2%}")
        )
    return "\n".join(lines)


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
