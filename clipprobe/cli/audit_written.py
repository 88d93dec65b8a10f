"""``clipprobe audit written``: does a written word move one group's labels more than another's?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.audit_bias import headline_text
from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    ImagesOption,
    JsonOption,
    LimitOption,
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
from clipprobe.cli.knobs import parsed_knobs, with_knobs
from clipprobe.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add ``written`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("written")(with_knobs(written))


def written(
    images: ImagesOption,
    groups: Annotated[
        list[str],
        typer.Option(
            "--groups",
            help='Column with perceived or annotated groups, or "a x b"; repeat for more.',
        ),
    ],
    out: OutOption,
    word: Annotated[
        list[str] | None, typer.Option("--word", help="A word to write; repeat for more.")
    ] = None,
    words: Annotated[
        Path | None, typer.Option("--words", help="A file of words to write, one a line.")
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            "--classes",
            help="The labels to choose from, one a line.",
            show_default="the 21 labels of the CLIP paper's denigration probe",
        ),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(
            "--watch",
            help="A label to follow whatever is written; repeat for more.",
            show_default="none",
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            "--template",
            help="Sentence with {} for a label; several are averaged.",
            show_default="a photo of a {}",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="A table of groups by id, as for audit bias."),
    ] = None,
    card: Annotated[
        str | None,
        typer.Option("--card", help="Who annotated the data: a YAML file, or a shipped card."),
    ] = None,
    clusters: Annotated[
        str | None,
        typer.Option("--clusters", help="Column of what is pictured several times (a person)."),
    ] = None,
    draw_at: Annotated[
        str | None,
        typer.Option(help="Resolution of the text: model or image.", show_default="model"),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", help="False discovery rate at which a cell is flagged.")
    ] = 0.05,
    n_boot: Annotated[int, typer.Option("--n-boot", help="Bootstrap draws.")] = 2000,
    n_permutations: Annotated[int, typer.Option("--n-permutations", help="Permutations.")] = 10_000,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    limit: LimitOption = None,
    batch_size: BatchSizeOption = 32,
    workers: WorkersOption = 2,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **knobs: Any,
) -> None:
    """Write words on pictures of people and compare, between groups, how far labels follow them.

    Every picture is also answered clean, with a blank label and with a nonsense word in the place
    of the word. A group's reading shift is the rate of a label with the word less that with the
    nonsense word. Nothing is computed for a single picture.
    """
    options: dict[str, Any] = parsed_knobs({n: v for n, v in knobs.items() if v is not None})
    if draw_at is not None:
        options["draw_at"] = draw_at
    chosen = [*(word or []), *(read_lines(words, "word") if words is not None else [])]
    if not chosen:
        raise ConfigError("audit written needs a word to write: give --word, or --words FILE.")
    if classes is not None:
        options["labels"] = read_lines(classes, "class")
    if template:
        options["templates"] = template
    from attacks.bias.written import audit_written
    from clipprobe.data import open_dataset

    # The data set is opened before the model, so that a wrong path is said at once.
    dataset = open_dataset(images)
    clip = load_model(model, device=device, revision=revision)
    with progress("writing and answering", total=min(len(dataset), limit or len(dataset))) as done:
        view = audit_written(
            clip, dataset, groups, chosen, watch=watch or (), out=out, group_table=labels,
            card=card, clusters=clusters, alpha=alpha, n_boot=n_boot,
            n_permutations=n_permutations, seed=seed, limit=limit, batch_size=batch_size,
            workers=workers, overwrite=overwrite, progress=done, **options,
        )  # fmt: skip
    for note in view.summary["notes"]:
        say(note)
    if view.summary["content_warning"]:
        say(view.summary["content_warning"])
    say(f"The report is {view.path / 'report.html'}.")
    result(
        {"run": view.path, "summary": view.summary},
        as_json=as_json,
        text=lambda: headline_text(view),
    )
