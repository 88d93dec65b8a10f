"""``clipprobe neurons gallery``: the units that best tell one concept in every modality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    PoolOption,
    RevisionOption,
    SeedOption,
    SitesOption,
    group,
    load_model,
    progress,
    result,
    say,
)

DEFAULT_GALLERY = Path("runs/gallery")

PerConceptOption = Annotated[
    int,
    typer.Option("--per-concept", min=4, help="Bundled images of each concept in each modality."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("gallery")(gallery)


def gallery(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the sheets and their README.md.")
    ] = DEFAULT_GALLERY,
    top: Annotated[int, typer.Option("--top", min=1, help="Units to draw.")] = 10,
    sites: SitesOption = None,
    pool: PoolOption = "max",
    per_concept: PerConceptOption = 8,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Draw the units that best tell one concept in every modality: a sheet each, and an index."""
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons.multimodality.gallery import write_gallery
    from clipprobe.stimuli import concepts

    with progress("testing", 3 * per_concept * len(concepts())) as advance:
        entries = write_gallery(
            clip,
            out,
            top=top,
            sites=sites,
            pool=pool,
            per_concept=per_concept,
            seed=seed,
            batch_size=batch_size,
            progress=advance,
        )
    lines = [
        f"{entry.unit} ({pool})  {entry.concept}  {entry.score.value:.3f} "
        f"[{entry.score.low:.3f}, {entry.score.high:.3f}] n={entry.score.n}"
        for entry in entries
    ]
    result([entry.to_json() for entry in entries], as_json=as_json, text="\n".join(lines))
    say(f"The gallery is {out}/README.md.")
