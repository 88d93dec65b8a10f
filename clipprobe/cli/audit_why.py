"""``clipprobe audit why``: which heads and neurons carry the written word."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.common import (
    ConfigOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    OutOrConfigOption,
    OverwriteOption,
    RevisionOption,
    group,
    load_model,
    progress,
    read_config,
    result,
    say,
    use_folder,
)
from clipprobe.errors import ConfigError

#: Settings that a ``--config`` file may hold; flags win over it.
SETTINGS = (
    "images", "classes", "out", "run", "model", "revision", "words", "words_per_image", "synonyms",
    "name_pattern", "templates", "draw_at", "size", "position", "copies", "color", "opacity",
    "outline", "background", "rotation", "font", "case", "heads", "neurons", "n_random", "tokens",
    "ablation", "limit", "seed", "batch_size",
)  # fmt: skip
_KNOBS = (
    "size", "position", "copies", "color", "opacity", "outline", "background", "rotation", "font",
    "case",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``why`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("why")(why)


def why(
    images: Annotated[
        str | None,
        typer.Option(
            help="A folder (one sub-folder for each class), a metadata table, a WebDataset "
            ".tar, or a Hugging Face dataset; required here or in --config."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="A text file, one candidate class a line; required here or in --config."),
    ] = None,
    out: OutOrConfigOption = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="A finished run of `audit typographic`: its classes, words and attacks are "
            "explained."
        ),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    words: Annotated[Path | None, typer.Option(help="A text file, one attack word a line.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Which class each picture is attacked with: random, runner-up, "
            "most-similar or least-similar.",
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
    size: Annotated[
        float | None,
        typer.Option(help="Line height as a fraction of the short side.", show_default="0.2"),
    ] = None,
    position: Annotated[
        str | None,
        typer.Option(
            help="random, center, top-left, r1c1 .. r4c4, or fractions such as 0.5,0.25.",
            show_default="random",
        ),
    ] = None,
    copies: Annotated[int | None, typer.Option(help="1 to 16.", show_default="1")] = None,
    color: Annotated[
        str | None, typer.Option(help="A name or #rrggbb.", show_default="white")
    ] = None,
    opacity: Annotated[
        float | None, typer.Option(help="Above 0, at most 1.", show_default="1")
    ] = None,
    outline: Annotated[
        str | None, typer.Option(help="A name or #rrggbb, or none.", show_default="black")
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="A name or #rrggbb, or none.", show_default="none")
    ] = None,
    rotation: Annotated[
        float | None, typer.Option(help="Degrees, counter-clockwise.", show_default="0")
    ] = None,
    font: Annotated[
        str | None, typer.Option(help="A bundled font.", show_default="DejaVuSans-Bold")
    ] = None,
    case: Annotated[
        str | None, typer.Option(help="as-is, lower, upper or title.", show_default="as-is")
    ] = None,
    heads: Annotated[
        int | None,
        typer.Option(min=1, help="Heads that are listed and taken out.", show_default="20"),
    ] = None,
    neurons: Annotated[
        int | None,
        typer.Option(min=1, help="Neurons that are patched and listed.", show_default="20"),
    ] = None,
    n_random: Annotated[
        int | None,
        typer.Option(
            "--random", min=20, help="Random sets of heads, and neurons.", show_default="20"
        ),
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(help="Where units are patched: auto, cls or all.", show_default="auto"),
    ] = None,
    ablation: Annotated[
        str | None,
        typer.Option(help="What heads are replaced with: zero or mean.", show_default="zero"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Explain so many pictures.", show_default="48")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed, the same bytes.", show_default="0")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Pictures in one pass.", show_default="16")
    ] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which heads and neurons carry a written word to the answer, and check it by ablation.

    Units are ranked on one half of the pictures and confirmed on the other, against a nonsense
    word in the same place and against random units. Needs a vision transformer whose heads can be
    told apart; a ResNet is refused.
    """
    given = dict(locals())
    settings = read_config(config, SETTINGS)
    for name in SETTINGS:
        if given.get(name) is not None:
            settings[name] = given[name]
    if template:
        settings["templates"] = template
    if words is not None and strategy is not None:
        raise ConfigError("--words and --strategy were given together: choose one.")
    if strategy is not None:
        settings["words"] = strategy
    explain(settings, device=device, overwrite=overwrite, as_json=as_json)


def explain(settings: dict[str, Any], *, device: str, overwrite: bool, as_json: bool) -> None:
    """Run the explanation that flags and config file ask for, and print its headline."""
    for name in ("images", "out"):
        if not settings.get(name):
            raise ConfigError(
                f"The explanation needs --{name}: give it, or write it into the --config."
            )
    use_folder(settings["out"])
    from attacks.typographic.why import explain_reading
    from clipprobe.cli.audit_settings import parsed, say_twice
    from clipprobe.data import open_dataset

    options = parsed(settings)
    attack = {name: options.pop(name) for name in _KNOBS if name in options}
    dataset = open_dataset(str(options.pop("images")))
    if options.get("classes") is not None:
        options["classes"] = Path(str(options["classes"]))
        say_twice(options["classes"])
    clip = load_model(
        options.pop("model", None), device=device, revision=options.pop("revision", None)
    )
    with ExitStack() as stack:
        view = explain_reading(
            clip,
            dataset,
            options.pop("classes", None),
            attack=attack or None,
            overwrite=overwrite,
            progress=_bars(stack),
            **options,
        )
    result(view.summary, as_json=as_json, text=lambda: headline(view.summary))
    counts = view.manifest["counts"]
    if lost := counts["skipped"] + counts["failed"]:
        say(f"{lost} pictures were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")


def _bars(stack: ExitStack) -> Callable[[str, int, int], None]:
    """One progress bar for each step, opened when the step begins."""
    advances: dict[str, Callable[[int], None]] = {}
    seen: dict[str, int] = {}

    def step(name: str, done: int, total: int) -> None:
        if name not in advances:
            stack.close()  # the bar of the step before
            advances[name] = stack.enter_context(progress(name, total=total or None))
            seen[name] = 0
        advances[name](done - seen[name])
        seen[name] = done

    return step


def headline(summary: dict[str, Any]) -> str:
    """The key figures and the ranked heads, as lines for the terminal."""
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in summary["warnings"]]
    lines += [f"not available: {text}" for text in summary["unavailable"]]
    for item in summary["headline"]:
        name = item["name"].replace("_", " ")
        lines.append(f"{name:<22} {format_cell(item['estimate'])}")
    for title in ("head", "neuron"):
        rows = summary[f"{title}s"]
        confirmed = [row for row in rows if row["confirmed"]]
        lines.append(f"{title + 's confirmed':<22} {len(confirmed)} of the {len(rows)} listed")
        for row in confirmed[:10]:
            lines.append(f"  {row[title]:<34} {format_cell(row['share'])} of the change")
    return "\n".join(lines)
