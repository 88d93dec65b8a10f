"""``clipprobe audit gap``: which units carry a gap of the bias report."""

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
    WorkersOption,
    group,
    load_model,
    progress,
    read_lines,
    result,
    say,
)


def register(app: typer.Typer) -> None:
    """Add ``gap`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("gap")(gap)


def gap(
    images: ImagesOption,
    column: Annotated[str, typer.Option("--groups", help="Column with the annotated groups.")],
    word: Annotated[str, typer.Option("--word", help="The word whose gap is explained.")],
    value: Annotated[
        str, typer.Option("--group", help="The group that is compared with the rest.")
    ],
    out: OutOption,
    words: Annotated[
        Path | None,
        typer.Option(
            "--words", help="The list that the word belongs to.", show_default="occupations"
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            "--template", help="Sentence with {} for the word.", show_default="a photo of a {}"
        ),
    ] = None,
    clusters: Annotated[
        str | None, typer.Option("--clusters", help="Column of what is pictured several times.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="A table of groups by id, as for audit bias.")
    ] = None,
    card: Annotated[
        str | None,
        typer.Option("--card", help="Who annotated the data: a YAML file, or a shipped card."),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="neuron or head.", show_default="both")
    ] = None,
    n_random: Annotated[
        int, typer.Option("--n-random", min=20, help="Random sets of units, the control.")
    ] = 100,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Use at most N images.")] = 1000,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rank heads and neurons by what they add to a gap, take them out, compare with random sets."""
    from attacks.bias.why import explain_gap
    from clipprobe.data import open_dataset

    chosen = read_lines(words, "word") if words is not None else None
    dataset = open_dataset(images, limit=limit)
    clip = load_model(model, device=device, revision=revision)
    with progress("images through the model") as advance:
        view = explain_gap(
            clip, dataset, column, word, value, out=out, words=chosen,
            templates=template or ("a photo of a {}",), clusters=clusters, labels=labels, card=card,
            kinds=kind or ("neuron", "head"), n_random=n_random, limit=None,
            batch_size=batch_size, workers=workers, seed=seed, overwrite=overwrite,
            progress=advance,
        )  # fmt: skip
    from clipprobe.report.numbers import format_cell

    for note in view.summary["notes"]:
        say(note)
    result(
        view.summary,
        as_json=as_json,
        text=lambda: "\n".join(
            f"{item['name']:<32} {format_cell(item['estimate'])}\n    {item['meaning']}"
            for item in view.summary["headline"]
        ),
    )
    say(f"report: {view.path / 'report.html'}")
