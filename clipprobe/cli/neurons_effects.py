"""``clipprobe neurons effect``, ``predict``: what units do to scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    ImagesOption,
    JsonOption,
    ModelOption,
    OutOption,
    OverwriteOption,
    RevisionOption,
    SeedOption,
    group,
    load_model,
    progress,
    result,
    say,
    sites_option,
)
from clipprobe.errors import ConfigError

TextOption = Annotated[list[str], typer.Option("--text", help="A text; repeat for more.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    for command in (effect, predict):
        neurons.command(command.__name__)(command)


def effect(
    images: ImagesOption,
    text: TextOption,
    unit: Annotated[list[str], typer.Option("--unit", help="A unit; repeat for more.")],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", help="zero, mean, resample or steer:K; repeat.", show_default="zero, mean"
        ),
    ] = None,
    controls: Annotated[
        int, typer.Option("--controls", min=0, help="Random units of the same scale.")
    ] = 20,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Use at most N images.")] = 64,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """What ablating or steering units does to logits, with controls of the same scale."""
    from clipprobe.neurons.effects.changes import parse_method

    methods = method or ["zero", "mean"]
    for name in methods:
        parse_method(name)  # before a model is loaded
    if not all(one.strip() for one in text):
        raise ConfigError("--text is empty: give the text whose score is measured.")
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.data import as_dataset
    from clipprobe.neurons.effects import total_effects
    from clipprobe.neurons.effects.inputs import readable

    dataset = as_dataset(images, limit=limit)
    records, failures = readable(dataset)
    with progress("forward passes (inputs)") as advance:
        found = total_effects(
            clip, records, text, unit, methods=methods, n_controls=controls, seed=seed,
            batch_size=batch_size, progress=advance,
        )  # fmt: skip
    data = {
        "effects": [one.to_json() for one in found],
        "failures": [failure.to_json() for failure in failures],
        "seed": seed,
        "provenance": {**clip.provenance(), "data": dataset.describe()},
    }
    lines = []
    for one in found:
        e = one.effect
        lines.append(
            f"{one.address}  {one.method}  {one.target}: {e.value:+.4f} [{e.low:+.4f}, "
            f"{e.high:+.4f}] {one.score}, n={e.n}"
            + (
                f"; {len(one.controls)} controls move it by {one.control:.4f} on average, "
                f"p={one.p:.3f}"
                if one.controls
                else ""
            )
        )
    result(data, as_json=as_json, text="\n".join(lines))
    if failures:
        say(f"{len(failures)} images could not be read.")


def predict(
    images: ImagesOption,
    text: TextOption,
    out: OutOption = Path("runs/effects"),
    sites: Annotated[list[str] | None, sites_option("the heads and neurons of every block")] = None,
    per_site: Annotated[
        int, typer.Option("--per-site", min=3, help="Units drawn from each hook point.")
    ] = 24,
    method: Annotated[
        str, typer.Option("--method", help="zero or mean.", show_default="zero, mean")
    ] = "zero",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Use at most N images.")] = 32,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """How well direct effects predict what ablation does, for heads and neurons of every block."""
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.data import as_dataset
    from clipprobe.hooks import resolve
    from clipprobe.neurons.effects.agreement import effect_sites
    from clipprobe.neurons.effects.store import compare_effects

    names = [point.name for point in resolve(clip, sites)] if sites else effect_sites(clip)
    with progress("hook points", len(names)) as advance:
        found = compare_effects(
            clip, as_dataset(images, limit=limit), text, names, out, per_site=per_site,
            method=method, seed=seed, batch_size=batch_size, overwrite=overwrite, progress=advance,
        )  # fmt: skip
    lines = [
        f"{one.name}: rank correlation {one.spearman.value:.3f} [{one.spearman.low:.3f}, "
        f"{one.spearman.high:.3f}], Pearson {one.pearson.value:.3f}, first order "
        f"{one.first_order.value:.3f}; {one.n_units} of {one.n_there} units, p={one.p:.3f}"
        for one in found
    ]
    result([one.to_json() for one in found], as_json=as_json, text="\n".join(lines))
    say(f"The report is {out}/report.html.")
