"""``clipprobe audit mitigate``: what mitigations remove, what they cost, what else they change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from clipprobe.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add ``mitigate`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("mitigate")(mitigate)


def mitigate(
    images: ImagesOption,
    column: Annotated[
        str, typer.Option("--groups", help="Column whose association shall be taken away.")
    ],
    out: OutOption,
    other: Annotated[
        list[str] | None,
        typer.Option(
            "--other",
            help="Another group column, for side effects; repeat for more.",
            show_default="none",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", help="projection, clip-clip or ablation.", show_default="all three"
        ),
    ] = None,
    words: Annotated[
        Path | None, typer.Option("--words", help="Words, one a line.", show_default="occupations")
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            "--template", help="Sentence with {} for the word.", show_default="a photo of a {}"
        ),
    ] = None,
    group_prompt: Annotated[
        list[str] | None,
        typer.Option("--group-prompt", help="GROUP=TEXT: how a prompt names a group."),
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
    utility: Annotated[
        str | None,
        typer.Option("--utility", help="Labelled images, for the cost in zero-shot accuracy."),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            "--classes",
            help="Classes of the utility images, one a line.",
            show_default="the labels that occur",
        ),
    ] = None,
    n_units: Annotated[
        int | None,
        typer.Option(
            "--n-units",
            min=1,
            help="Neurons that the ablation takes out.",
            show_default="chosen on the fitting half",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Use at most N images.")] = 2000,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Fit mitigations on half of the images and score them on the other half, cost included."""
    from attacks.bias.mitigation import METHODS, mitigate_bias
    from clipprobe.data import open_dataset

    prompts = dict(_pair(text) for text in group_prompt or ())
    chosen = read_lines(words, "word") if words is not None else None
    named = read_lines(classes, "class") if classes is not None else None
    dataset = open_dataset(images, limit=limit)
    labelled = open_dataset(utility) if utility is not None else None
    clip = load_model(model, device=device, revision=revision)
    with progress("images through the model") as advance:
        view = mitigate_bias(
            clip, dataset, column, out=out, others=other or (), methods=method or METHODS,
            words=chosen, templates=template or ("a photo of a {}",), group_prompts=prompts,
            clusters=clusters, labels=labels, card=card, utility=labelled, classes=named,
            n_units=n_units, limit=None,
            batch_size=batch_size, workers=workers, seed=seed, overwrite=overwrite,
            progress=advance,
        )  # fmt: skip
    for note in view.summary["notes"]:
        say(note)
    result(view.summary, as_json=as_json, text=lambda: _text(view.summary))
    say(f"report: {view.path / 'report.html'}")


def _text(summary: dict[str, Any]) -> str:
    from clipprobe.report.numbers import format_cell

    lines, undefined = [], {}
    for one in summary["methods"]:
        lines.append(one["method"])
        for change in one["changes"]:
            name = f"{change['measure']}, {change['about']}"
            before, after = format_cell(change["before"]), format_cell(change["after"])
            if change["before"]["value"] is None and before == after:
                undefined[name] = before  # the same of every method: said once
            else:
                lines.append(f"  {name:<44} {before} -> {after}")
    return "\n".join([*lines, *(f"{name}: {why}" for name, why in undefined.items())])


def _pair(text: str) -> tuple[str, str]:
    name, sign, phrase = text.partition("=")
    if not (sign and name.strip() and phrase.strip()):
        raise ConfigError(
            f"--group-prompt {text!r} is not GROUP=TEXT: give for example 'woman=a photo of a "
            "woman'."
        )
    return name.strip(), phrase.strip()
