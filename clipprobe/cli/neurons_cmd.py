"""``clipprobe neurons scan``, ``merge``: the atlas of the neurons of either tower."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli import neurons_multimodal
from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    ModelOption,
    OutOption,
    OverwriteOption,
    RevisionOption,
    SeedOption,
    ShardOption,
    SitesOption,
    WorkersOption,
    group,
    load_model,
    parse_shard,
    progress,
    result,
    say,
)
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas

DEFAULT_ATLAS = Path("runs/atlas")


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("scan")(scan)
    neurons.command("merge")(merge)
    neurons_multimodal.register(app)


def scan(
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            help="A folder, a metadata table, a WebDataset .tar, or a Hugging Face dataset.",
            show_default=False,
        ),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(
            "--texts", help="Instead of images: a file of texts, one a line, for the text tower."
        ),
    ] = None,
    out: OutOption = DEFAULT_ATLAS,
    sites: SitesOption = None,
    pool: Annotated[
        str | None,
        typer.Option(
            "--pool",
            help="How tokens become one number: cls, mean, max or eos.",
            show_default="max; of texts the token that the model reads",
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, help="Inputs kept at either end of each unit.")
    ] = 16,
    per_bin: Annotated[
        int, typer.Option("--per-bin", min=0, help="Inputs kept for each activation bin.")
    ] = 4,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Activation above which an input counts.")
    ] = 1.0,
    shard: ShardOption = None,
    limit: LimitOption = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(
            "--checkpoint-seconds",
            min=0,
            help="Keep the state on disk this often, for a run that is killed; 0: every batch.",
        ),
    ] = 2.0,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stream images (or texts) once through their tower and keep what each unit did."""
    part = parse_shard(shard)
    if (images is None) == (texts is None):
        raise ConfigError(
            "A scan needs either images or texts: give --images DIR for the vision tower or "
            "--texts FILE for the text tower."
        )
    from clipprobe.data import as_dataset
    from clipprobe.data.texts import read_texts

    if texts is not None:
        dataset = read_texts(texts, limit=limit)
    else:
        dataset = as_dataset(str(images), limit=limit)
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons import scan as scan_images
    from clipprobe.neurons import scan_texts

    options: dict[str, Any] = {
        "sites": sites,
        "top_k": top_k,
        "per_bin": per_bin,
        "threshold": threshold,
        "out": out,
        "shard": part,
        "batch_size": batch_size,
        "seed": seed,
        "overwrite": overwrite,
        "checkpoint_seconds": checkpoint_seconds,
    }
    with progress("scanning", len(range(part[0], len(dataset), part[1]))) as advance:
        options["progress"] = advance
        if texts is not None:
            atlas = scan_texts(clip, dataset, pool=pool, **options)
        else:
            atlas = scan_images(clip, dataset, pool=pool or "max", workers=workers, **options)
    _report(atlas, out, as_json=as_json)


def merge(
    atlases: Annotated[
        list[Path], typer.Argument(metavar="ATLAS...", help="Run folders, one per shard.")
    ],
    out: OutOption = DEFAULT_ATLAS,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put the shards of one scan together; the same bytes in any order."""
    from clipprobe.neurons import Atlas, merge_atlases

    merged = merge_atlases([Atlas.load(folder) for folder in atlases])
    _report(merged.save(out, overwrite=overwrite), out, as_json=as_json)


def _report(atlas: Atlas, out: Path, *, as_json: bool) -> None:
    from clipprobe.neurons.atlas.summary import summarise

    summary = summarise(atlas)
    result(summary, as_json=as_json, text=lambda: summary_text(summary))
    failed = summary["n_failed"]
    left_out = f" {failed} could not be read; {out}/manifest.json says why." if failed else ""
    say(f"The report is {out}/report.html.{left_out}")


def summary_text(summary: Mapping[str, Any]) -> str:
    """A line per hook point."""
    from clipprobe.neurons.atlas.showing import peak_text

    width = max(len(site["site"]) for site in summary["sites"])
    lines = [
        f"{summary['n_units']} units on {summary['n_images']} "
        f"{'images' if summary['tower'] == 'vision' else 'texts'}, pooled by {summary['pool']}",
        f"{'hook point':<{width}}  {'units':>6} {'dead':>6} {'always on':>10} {'median peak':>12}",
    ]
    lines += [
        f"{site['site']:<{width}}  {site['n_units']:>6} {site['dead']:>6} "
        f"{site['always_on']:>10} {peak_text(site['median_peak']):>12}"
        for site in summary["sites"]
    ]
    return "\n".join(lines)
