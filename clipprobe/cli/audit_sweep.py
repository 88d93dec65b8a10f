"""``clipprobe audit sweep``: how an attack's effect changes with the way its word is written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.audit_settings import parsed, say_twice
from clipprobe.cli.common import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    LimitOption,
    ModelOption,
    OutOrConfigOption,
    OverwriteOption,
    RevisionOption,
    TimeLeft,
    about,
    countdown,
    group,
    load_model,
    read_config,
    result,
    say,
    use_folder,
)
from clipprobe.errors import ConfigError

#: Settings that a ``--config`` file may hold beside those of the attack; flags win over it.
SETTINGS = (
    "images", "classes", "out", "model", "revision", "factors", "design", "controls", "level",
    "words", "words_per_image", "synonyms", "name_pattern", "templates", "draw_at", "seed",
    "batch_size", "workers", "limit", "max_encodings",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``sweep`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("sweep")(sweep_command)


def sweep_command(
    images: Annotated[
        str | None,
        typer.Option(
            help="A folder, a metadata table, a WebDataset .tar, or a Hugging Face id; "
            "required here or in --config."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="A text file, one candidate class a line; required here or in --config."),
    ] = None,
    out: OutOrConfigOption = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting of the attack and its levels, size=0.05,0.1,0.2; without levels "
            "the default ones; repeat for more. 'none' is no colour, 0.5/0.25 a place; "
            "required here or in --config."
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="one-factor (one at a time around the base) or factorial (every combination).",
            show_default="one-factor",
        ),
    ] = None,
    base: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting of what is not varied, background=white; repeat for more."
        ),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            help="A control beside the nonsense word: blank, scrambled or true; repeat.",
            show_default="none",
        ),
    ] = None,
    level: Annotated[
        float | None,
        typer.Option(
            help="Success that a text must exceed to count as working.", show_default="0.5"
        ),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    words: Annotated[Path | None, typer.Option(help="A text file, one attack word a line.")] = None,
    word: Annotated[list[str] | None, typer.Option(help="An attack word; repeat for more.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="How words are chosen from the classes; see audit typographic.",
            show_default="random",
        ),
    ] = None,
    words_per_image: Annotated[
        int | None,
        typer.Option(min=1, help="Different attack words for each picture.", show_default="1"),
    ] = None,
    synonyms: Annotated[
        Path | None,
        typer.Option(help="A YAML file: for a class, a list of other names that mean the same."),
    ] = None,
    name_pattern: Annotated[
        str | None, typer.Option(help="Where the label stands in the file names: '{label}-{}'.")
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            help="A text with {} for the class name; repeat to average over several.",
            show_default="a {}; a photo of a {}; a picture of a {}; this is a {}",
        ),
    ] = None,
    draw_at: Annotated[
        str | None,
        typer.Option(help="Resolution of the text: model or image.", show_default="model"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed, the same bytes.", show_default="0")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images in one pass.", show_default="32")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Threads that draw beside the model.", show_default="2"),
    ] = None,
    limit: LimitOption = None,
    max_encodings: Annotated[
        int | None,
        typer.Option(
            min=1, help="Refuse a grid that needs more pictures encoded.", show_default="50000"
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the same words on the same pictures over a grid of sizes, places, colours, ...

    Gives security curves with a nonsense-word control at every cell, tests whether they are
    monotone, and finds the worst cell and the smallest text that works. An interrupted sweep goes
    on in the cell where it stopped.
    """
    from attacks.typographic.attack.knobs import KNOBS
    from attacks.typographic.sweep import sweep
    from attacks.typographic.sweep.grid import parse_factors
    from clipprobe.data import open_dataset

    given = dict(locals())
    settings = read_config(config, (*SETTINGS, *KNOBS))
    settings.update({name: given[name] for name in SETTINGS if given.get(name) is not None})
    if template:
        settings["templates"] = template
    if control:
        settings["controls"] = control
    sources = [source for source in (words, word, strategy) if source]
    if len(sources) > 1:
        raise ConfigError(
            "--words, --word and --strategy were given together: choose one source of words."
        )
    if sources:
        settings["words"] = sources[0]
    settings.update(_base(base or []))
    if factor:
        settings["factors"] = parse_factors(factor)
    for name in ("images", "classes", "out", "factors"):
        if not settings.get(name):
            flag = "--factor" if name == "factors" else f"--{name}"
            raise ConfigError(f"A sweep needs {flag}: give it as a flag or in the config file.")
    use_folder(settings["out"])
    options = parsed(settings)
    # The data set is opened before the model, so that a wrong path is said at once.
    dataset = open_dataset(str(options.pop("images")), limit=options.pop("limit", None))
    names = Path(str(options.pop("classes")))
    say_twice(names)
    clip = load_model(
        options.pop("model", None), device=device, revision=options.pop("revision", None)
    )
    with countdown("sweeping, pictures encoded") as bar:
        view = sweep(clip, dataset, names, overwrite=overwrite, progress=_announced(bar), **options)
    result(view.summary, as_json=as_json, text=lambda: headline(view.summary))
    counts = view.manifest["counts"]
    if lost := counts["skipped"] + counts["failed"]:
        say(f"{lost} of {len(dataset)} pictures were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")


def headline(summary: dict[str, Any]) -> str:
    """The key figures as lines for the terminal."""
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in summary["warnings"]]
    for item in summary["headline"]:
        lines.append(f"{item['name'].replace('_', ' '):<25} {format_cell(item['estimate'])}")
    return "\n".join(lines)


def _base(texts: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as settings of the attack, read as levels are."""
    from attacks.typographic.sweep.grid import parse_factors

    found: dict[str, Any] = {}
    for name, values in parse_factors(texts).items():
        if values is None or len(values) != 1:
            raise ConfigError(f"--set {name} needs one value, as in --set {name}=VALUE.")
        found[name] = values[0]
    return found


def _announced(step: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """``step`` that says, once each, how much there is to do and how long it will take.

    On a terminal the bar shows both, all the time.
    """
    if sys.stderr.isatty():
        return step
    left = TimeLeft()
    said = {"work": False, "time": False}

    def announced(done: int, total: int) -> None:
        seconds = left(done, total)
        if not said["work"]:
            said["work"] = True
            say(f"{total:,} pictures to encode at most.")
        elif seconds is not None and not said["time"] and done * 50 >= total:
            said["time"] = True
            say(f"{total - done:,} pictures left, about {about(seconds)} at the pace so far.")
        step(done, total)

    return announced
