"""``clipprobe neurons scan``, ``show``, ``search``, ``merge``: the atlas of the vision neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli import neurons_multimodal
from clipprobe.cli.boundary import one_line
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

if TYPE_CHECKING:
    from clipprobe.neurons import Atlas, Unit

DEFAULT_ATLAS = Path("runs/atlas")
_N_SHOWN = 8

AtlasOption = Annotated[
    Path, typer.Option("--atlas", help="The run folder that `clipprobe neurons scan` wrote.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("scan")(scan)
    neurons.command("show")(show)
    neurons.command("search")(search)
    neurons.command("merge")(merge)
    neurons_multimodal.register(app)


def scan(
    images: ImagesOption,
    out: OutOption = DEFAULT_ATLAS,
    sites: SitesOption = None,
    pool: PoolOption = "max",
    top_k: Annotated[
        int, typer.Option("--top-k", min=1, help="Images kept at either end of each unit.")
    ] = 16,
    per_bin: Annotated[
        int, typer.Option("--per-bin", min=0, help="Images kept for each activation bin.")
    ] = 4,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Activation above which an image counts.")
    ] = 1.0,
    shard: ShardOption = None,
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
    """Stream images once through the vision tower and keep what each unit did."""
    part = parse_shard(shard)
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.data import as_dataset
    from clipprobe.neurons import scan as scan_images

    dataset = as_dataset(images, limit=limit)
    with progress("scanning", len(range(part[0], len(dataset), part[1]))) as advance:
        atlas = scan_images(
            clip,
            dataset,
            sites=sites,
            pool=pool,
            top_k=top_k,
            per_bin=per_bin,
            threshold=threshold,
            out=out,
            shard=part,
            batch_size=batch_size,
            workers=workers,
            seed=seed,
            overwrite=overwrite,
            progress=advance,
        )
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
        Path | None, typer.Option("--out", help="Write the unit's page, with pictures, here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """One unit: its numbers, and the images along its range."""
    from clipprobe.neurons import Atlas

    loaded = Atlas.load(atlas)
    unit = loaded.unit(address)
    if out is not None:
        from clipprobe.neurons.page import unit_page
        from clipprobe.report import write_html

        write_html(unit_page(loaded, unit), out)
        say(f"The page of {unit.name} is {out}.")
    result(unit.to_json(), as_json=as_json, text=lambda: unit_text(unit))


def search(
    atlas: AtlasOption = DEFAULT_ATLAS,
    kind: Annotated[
        str | None,
        typer.Option("--property", help="selective, dead, always-on or constant."),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Units whose strongest images have this label.")
    ] = None,
    site: Annotated[str, typer.Option("--sites", help="Only hook points of this glob.")] = "*",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many units.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Units by property, or by what their strongest images show."""
    from clipprobe.neurons import Atlas

    rows = Atlas.load(atlas).search(kind=kind, label=label, site=site, limit=limit)
    result(rows, as_json=as_json, text=lambda: rows_text(rows))
    if not rows:
        say("No unit of this atlas is like that.")


def _report(atlas: Atlas, out: Path, *, as_json: bool) -> None:
    from clipprobe.neurons.summary import summarise

    summary = summarise(atlas)
    result(summary, as_json=as_json, text=lambda: summary_text(summary))
    failed = summary["n_failed"]
    left_out = f" {failed} could not be read; {out}/manifest.json says why." if failed else ""
    say(f"The report is {out}/report.html.{left_out}")


def summary_text(summary: Mapping[str, Any]) -> str:
    """A line per hook point."""
    width = max(len(site["site"]) for site in summary["sites"])
    lines = [
        f"{summary['n_units']} units on {summary['n_images']} images, pooled by {summary['pool']}",
        f"{'hook point':<{width}}  {'units':>6} {'dead':>6} {'always on':>10} {'median peak':>12}",
    ]
    lines += [
        f"{site['site']:<{width}}  {site['n_units']:>6} {site['dead']:>6} "
        f"{site['always_on']:>10} {_peak(site['median_peak']):>12}"
        for site in summary["sites"]
    ]
    return "\n".join(lines)


def _peak(value: float | None) -> str:
    """A peak in standard deviations; a unit that is always the same has none."""
    if value is None or math.isnan(value):
        return "undefined (constant)"
    return f"{value:.2f} σ"


def unit_text(unit: Unit) -> str:
    """A unit for people."""
    lines = [
        unit.name,
        f"  {unit.n_images} images: mean {unit.mean:.4g}, standard deviation {unit.std:.4g}, "
        f"{unit.low:.4g} to {unit.high:.4g}",
        f"  above 0 on {unit.share_positive:.1%} of images, above {unit.threshold:g} on "
        f"{unit.share_above:.1%}; peak {_peak(unit.peak)} (bell-shaped: {_peak(unit.peak_floor)})",
        "  strongest images:",
    ]
    lines += [f"    {one.value:>9.4g}  {one_line(one.id)}" for one in unit.top[:_N_SHOWN]]
    lines.append("  along the range:")
    for part in unit.bins:
        names = ", ".join(one_line(one.id) for one in part.firings[:2])
        lines.append(
            f"    {part.low:>9.4g} to {part.high:>9.4g}  {part.n_images:>6} images  {names}"
        )
    return "\n".join(lines)


def rows_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line per unit of a search."""
    if not rows:
        return ""
    width = max(len(row["name"]) for row in rows)
    lines = []
    for row in rows:
        peak = f"peak {_peak(row['peak'])}"
        label = f"  {row['purity']:.0%} {row['label']}" if row["label"] else ""
        lines.append(
            f"{row['name']:<{width}}  mean {row['mean']:>8.4g}  max {row['high']:>8.4g}  "
            f"{peak}{label}"
        )
    return "\n".join(lines)
