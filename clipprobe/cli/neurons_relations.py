"""``clipprobe neurons compose``, ``similar``: what units make and are like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    ImagesOption,
    JsonOption,
    LimitOption,
    ModelOption,
    OverwriteOption,
    PoolOption,
    RevisionOption,
    SeedOption,
    SitesOption,
    WorkersOption,
    group,
    load_model,
    out_option,
    progress,
    result,
    say,
    sites_option,
)
from clipprobe.errors import ConfigError

UnitOption = Annotated[
    str, typer.Argument(metavar="UNIT", help="A unit, as vision.blocks.3.mlp.post:17.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    for command in (compose, similar):
        neurons.command(command.__name__)(command)


def compose(
    images: Annotated[
        str | None, typer.Option("--images", help="Labelled images: their classes are composed.")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", help="A CSV with text, label and maybe group.")
    ] = None,
    emotions: Annotated[
        bool, typer.Option("--emotions", help="The bundled words of ten feelings.")
    ] = False,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="A class; repeat for more.", show_default="all"),
    ] = None,
    sites: SitesOption = None,
    pool: PoolOption = "max",
    max_units: Annotated[
        int | None,
        typer.Option(
            "--max-units", min=1, help="Use no more units than this.", show_default="no limit"
        ),
    ] = None,
    limit: LimitOption = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Which few units make a class, an emotion or a place: sparse logistic regression."""
    if sum((images is not None, texts is not None, emotions)) != 1:
        raise ConfigError("Give one of --images, --texts and --emotions: what is to be composed.")
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons.effects import compose as fit
    from clipprobe.neurons.effects.probes import emotion_texts, read_texts, text_values

    groups: Any = None
    if images is not None:
        from clipprobe.neurons.pooled import pooled_activations

        with progress("images") as advance:
            acts = pooled_activations(
                clip, images, sites, pool=pool, limit=limit, batch_size=batch_size,
                workers=workers, progress=advance,
            )  # fmt: skip
        values, columns = acts.stacked()
        names = [f"{site}:{index}" for site, index in columns]
        labelled = [i for i, record in enumerate(acts.records) if record.label is not None]
        labels = [str(acts.records[i].label) for i in labelled]
        x: Any = values[labelled]
        rows = f"images, pooled by {pool}"
    else:
        given = emotion_texts() if texts is None else read_texts(texts)
        x, names = text_values(clip, given.texts, sites)
        labels, groups = list(given.labels), given.groups
        rows = "texts, read through the units' own outputs (direct path)"
    with progress("classes") as advance:
        found = fit(
            x, names, labels, targets=target, groups=groups, max_units=max_units, seed=seed,
            progress=advance,
        )  # fmt: skip
    lines = [f"Rows are {rows}."]
    for one in found:
        lines.append(
            f"{one.target}: {one.n_units} of {one.n_there} units; held-out accuracy "
            f"{one.accuracy.value:.3f} [{one.accuracy.low:.3f}, {one.accuracy.high:.3f}] "
            f"n={one.accuracy.n} (majority {one.majority:.3f}), AUROC {one.auroc.value:.3f} "
            f"[{one.auroc.low:.3f}, {one.auroc.high:.3f}], shuffled {one.shuffled.value:.3f}"
        )
        lines += [f"  {weight:+.3f}  {unit}" for unit, weight in one.units[:8]]
    data = {
        "rows": rows,
        "compositions": [one.to_json() for one in found],
        "seed": seed,
        "provenance": clip.provenance(),
    }
    result(data, as_json=as_json, text="\n".join(lines))


def similar(
    unit: UnitOption,
    images: ImagesOption,
    out: Annotated[
        Path | None,
        out_option("Keep the result as a run, beside an atlas for its unit's sheet."),
    ] = None,
    sites: Annotated[list[str] | None, sites_option("the unit's own kind in every block")] = None,
    pool: PoolOption = "max",
    k: Annotated[int, typer.Option("--k", min=1, help="Units at either end.")] = 10,
    limit: LimitOption = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """The units most similar and most opposed: by what they answer to, and by what they write."""
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons.effects import similar_units
    from clipprobe.neurons.effects.similar_store import similar_run

    options: dict[str, Any] = {
        "sites": sites, "pool": pool, "k": k, "limit": limit, "batch_size": batch_size,
        "workers": workers,
    }  # fmt: skip
    with progress("images") as advance:
        if out is None:
            found = similar_units(clip, images, unit, **options, progress=advance)
        else:
            found = similar_run(
                clip, images, unit, out=out, overwrite=overwrite, **options, progress=advance
            )
    lines = [
        f"{found.name}: {found.n_units} units on {found.n_images} images; the best of as many "
        f"unrelated units exceeds |r| = {found.floor:.3f} in 5 % of cases"
    ]
    for name, pairs in (("most similar", found.similar), ("most opposed", found.opposed)):
        lines.append(f"{name}:")
        lines += [
            f"  r {r.value:+.3f} [{r.low:+.3f}, {r.high:+.3f}] n={r.n}  {other}"
            for other, r in pairs
        ]
    for name, outputs in (
        ("output most alike", found.same_output),
        ("output most opposed", found.opposite_output),
    ):
        lines += [f"{name}:", *(f"  cosine {c:+.3f}  {other}" for other, c in outputs)]
    result(found.to_json(), as_json=as_json, text="\n".join(lines))
    if out is not None:
        say(f"The report is {out}/report.html.")
