"""``clipprobe neurons scan``, ``show``, ``merge``: the atlas of the neurons of either tower."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli import neurons_multimodal
from clipprobe.cli.boundary import one_line
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
from clipprobe.runs.files import check_file

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas, Firing, Unit

DEFAULT_ATLAS = Path("runs/atlas")
_N_SHOWN = 8

AtlasOption = Annotated[
    Path, typer.Option("--atlas", help="The run folder that `clipprobe neurons scan` wrote.")
]
WithOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        help="A run of another instrument (words, multimodal, labels, effects, …); "
        "repeat for more. Those beside the atlas are found without.",
        show_default="those beside the atlas",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("scan")(scan)
    neurons.command("show")(show)
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


def show(
    address: Annotated[
        str, typer.Argument(metavar="UNIT", help="A unit, as vision.blocks.3.mlp.post:17.")
    ],
    atlas: AtlasOption = DEFAULT_ATLAS,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the unit's sheet, with pictures, here.")
    ] = None,
    runs: WithOption = None,
    picture_size: Annotated[
        int,
        typer.Option(
            "--picture-size", min=16, max=512, help="Longest side of a picture, in pixels."
        ),
    ] = 128,
    as_json: JsonOption = False,
) -> None:
    """One unit: its numbers, what lies along its range, what other instruments found."""
    from clipprobe.neurons import Atlas

    if out is not None:
        check_file(out)
    loaded = Atlas.load(atlas)
    unit = loaded.unit(address)
    if out is not None:
        from clipprobe.neurons.sheet.sheet import unit_sheet
        from clipprobe.report import write_html

        page = unit_sheet(loaded, unit, runs=runs or [], out=out, side=picture_size)
        write_html(page, out)
        say(f"The sheet of {unit.name} is {out}.")
    elif runs:
        raise ConfigError("--with adds tables to a sheet: say with --out where it goes.")
    result(unit.to_json(), as_json=as_json, text=lambda: unit_text(unit, loaded.inputs))


def _report(atlas: Atlas, out: Path, *, as_json: bool) -> None:
    from clipprobe.neurons.atlas.summary import summarise

    summary = summarise(atlas)
    result(summary, as_json=as_json, text=lambda: summary_text(summary))
    failed = summary["n_failed"]
    left_out = f" {failed} could not be read; {out}/manifest.json says why." if failed else ""
    say(f"The report is {out}/report.html.{left_out}")


def summary_text(summary: Mapping[str, Any]) -> str:
    """A line per hook point."""
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


def _where(firing: Firing) -> str:
    """The token of a maximum."""
    from clipprobe.neurons.atlas.showing import token_words

    return "" if firing.token is None else f"  ({one_line(token_words(firing))})"


def peak_text(value: float | None) -> str:
    """A peak in standard deviations; a unit that is always the same has none."""
    if value is None or math.isnan(value):
        return "undefined (constant)"
    return f"{value:.2f} σ"


def unit_text(unit: Unit, inputs: str) -> str:
    """A unit for people."""
    lines = [
        unit.name,
        f"  {unit.n_images} {inputs}: mean {unit.mean:.4g}, standard deviation {unit.std:.4g}, "
        f"{unit.low:.4g} to {unit.high:.4g}",
        f"  above 0 on {unit.share_positive:.1%} of {inputs}, above {unit.threshold:g} on "
        f"{unit.share_above:.1%} (sparsity {unit.sparsity:.3f}); peak {peak_text(unit.peak)} "
        f"(bell-shaped: {peak_text(unit.peak_floor)})",
        f"  strongest {inputs}:",
    ]
    lines += [
        f"    {one.value:>9.4g}  {one_line(one.id)}{_where(one)}" for one in unit.top[:_N_SHOWN]
    ]
    lines.append("  along the range:")
    for part in unit.bins:
        names = ", ".join(one_line(one.id) for one in part.firings[:2])
        lines.append(
            f"    {part.low:>9.4g} to {part.high:>9.4g}  {part.n_images:>6} {inputs}  {names}"
        )
    return "\n".join(lines)
