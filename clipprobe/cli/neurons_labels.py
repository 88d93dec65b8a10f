"""``clipprobe neurons label``: names for units, checked on images that did not choose them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    ImagesOption,
    JsonOption,
    LimitOption,
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
    read_lines,
    result,
    say,
)
from clipprobe.errors import ClipprobeError

if TYPE_CHECKING:
    from clipprobe.neurons.labels import Labels

_N_SHOWN = 15


def register(app: typer.Typer) -> None:
    """Add the command to the group ``neurons``."""
    group(app, "neurons", "What makes each neuron fire.").command("label")(label)


def label(
    images: ImagesOption,
    out: OutOption = Path("runs/labels"),
    sites: SitesOption = None,
    pool: PoolOption = "max",
    concepts: Annotated[
        Path | None,
        typer.Option(
            "--concepts",
            help="A file with one possible label a line.",
            show_default="the bundled ones",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            help="Who says what images show: another model; labels (the images' own); "
            "column:NAME (tags between semicolons).",
            show_default="the model itself, which is circular",
        ),
    ] = None,
    scorer: Annotated[
        str,
        typer.Option("--scorer", help="soft_wpmi, wpmi, rank_reorder, cosine or cosine_cubed."),
    ] = "soft_wpmi",
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k", min=1, help="Strongest images looked at.", show_default="the paper's"
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", help="False discovery rate of the labels given.")
    ] = 0.05,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Held-out AUROC that a label must exceed.")
    ] = 0.5,
    limit: LimitOption = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Name units from a list of concepts (CLIP-Dissect), with held-out scores and abstention."""
    names = None if concepts is None else read_lines(concepts, "concepts")
    from clipprobe.data import as_dataset
    from clipprobe.neurons.labels import label_units
    from clipprobe.neurons.labels.labelling import check_settings
    from clipprobe.neurons.labels.store import open_run, write

    tags = judge if judge == "labels" or (judge or "").startswith("column:") else None
    check_settings(tags, scorer, top_k, None, alpha, threshold)  # before a model is loaded
    clip = load_model(model, device=device, revision=revision)
    chosen: Any = judge
    if judge is not None and tags is None:
        chosen = load_model(judge, device=device)

    dataset = as_dataset(images, limit=limit)
    settings = {
        "judge": getattr(chosen, "weights_sha256", chosen),
        "sites": list(sites) if sites else None,
        "concepts": names,
        "pool": pool,
        "scorer": scorer,
        "top_k": top_k,
        "alpha": alpha,
        "threshold": threshold,
        "seed": seed,
        "batch_size": batch_size,
    }
    with open_run(out, clip, dataset, settings, overwrite=overwrite) as run:
        if run.complete:
            say(f"{out} holds this labelling already.")
            result(run.read_json("summary.json"), as_json=as_json, text=str(out))
            return
        try:
            with progress("labelling", len(dataset)) as advance:
                found = label_units(
                    clip,
                    dataset,
                    sites=sites,
                    pool=pool,
                    concepts=names,
                    judge=chosen,
                    scorer=scorer,
                    top_k=top_k,
                    alpha=alpha,
                    threshold=threshold,
                    seed=seed,
                    batch_size=batch_size,
                    workers=workers,
                    progress=advance,
                )
        except ClipprobeError:
            run.abandon()  # nothing is in it, and it must not bar the next try
            raise
        write(found, run)
        result(found.summary(), as_json=as_json, text=lambda: words(found))
        say(f"The report is {out}/report.html.")


def words(found: Labels) -> str:
    """The labelling for people; the sentence about the judge comes first."""
    summary = found.summary()
    lines = [
        found.note,
        f"{summary['n_labelled']} of {summary['n_units']} units have a label "
        f"({found.abstention.value:.1%} have none), of {found.n_concepts} concepts, chosen by "
        f"{found.scorer} on {found.n_choose} images and scored on {found.n_held_out} others; "
        f"corrected over {found.family} units",
    ]
    for row in found.labelled()[:_N_SHOWN]:
        auroc = row.validation.auroc
        lines.append(
            f"  {row.name}  {row.label}  AUROC {auroc.value:.3f} [{auroc.low:.3f}, "
            f"{auroc.high:.3f}] n={auroc.n}, {row.validation.n_positive} show it"
        )
    return "\n".join(lines)
