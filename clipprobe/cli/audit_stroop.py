"""``clipprobe audit stroop``: does a model name the ink, or read the word?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.audit_lines import headline
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
    "out", "images", "model", "revision", "colours", "control", "nonsense", "presentations",
    "fonts", "sizes", "grounds", "variants", "ink_templates", "word_templates", "seed",
    "batch_size", "workers",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add ``stroop`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("stroop")(stroop)


def stroop(
    out: OutOrConfigOption = None,
    images: Annotated[
        Path | None,
        typer.Option(help="A folder of {ink}_{word}.png to use instead of drawn cards."),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    colour: Annotated[
        list[str] | None,
        typer.Option(
            help="An ink, by name; repeat for more.", show_default="the eight of the paper"
        ),
    ] = None,
    control: Annotated[
        str | None, typer.Option(help="A word that is no colour.", show_default="example")
    ] = None,
    nonsense: Annotated[
        int | None, typer.Option(min=0, help="How many nonsense words.", show_default="2")
    ] = None,
    presentation: Annotated[
        list[str] | None,
        typer.Option(
            help="upright, mirrored, inverted (upside down) or negative (figure and ground "
            "exchanged); repeat for more.",
            show_default="all",
        ),
    ] = None,
    font: Annotated[
        list[str] | None,
        typer.Option(
            help="A bundled font; repeat for more.",
            show_default="DejaVuSans-Bold, Roboto-Bold, DejaVuSerif-Bold, CourierPrime-Bold",
        ),
    ] = None,
    size: Annotated[
        list[float] | None,
        typer.Option(
            help="Line height as a fraction of the side; repeat for more.",
            show_default="0.22, 0.32",
        ),
    ] = None,
    ground: Annotated[
        list[str] | None,
        typer.Option(
            help="Colour of the ground; repeat for more.", show_default="white and three greys"
        ),
    ] = None,
    variants: Annotated[
        int | None,
        typer.Option(min=1, help="Cards of each ink, word and presentation.", show_default="4"),
    ] = None,
    ink_template: Annotated[
        list[str] | None,
        typer.Option(
            help="A text with {} for the colour of the ink.",
            show_default="my favorite word, written in the color {}",
        ),
    ] = None,
    word_template: Annotated[
        list[str] | None,
        typer.Option(
            help="A text with {} for the written word.",
            show_default="the word {}; text that reads {}",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed, the same bytes.", show_default="0")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Cards in one pass.", show_default="32")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Threads that draw beside the model.", show_default="2"),
    ] = None,
    overwrite: OverwriteOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show colour words in coloured ink; ask for the ink and for the word.

    Reports how often the ink, the word or another colour is named, upright, mirrored, upside down
    and with figure and ground exchanged, against a control word that is no colour.
    """
    flags: dict[str, Any] = {
        "out": out, "images": images, "model": model, "revision": revision, "colours": colour,
        "control": control, "nonsense": nonsense, "presentations": presentation, "fonts": font,
        "sizes": size, "grounds": ground, "variants": variants, "ink_templates": ink_template,
        "word_templates": word_template, "seed": seed, "batch_size": batch_size,
        "workers": workers,
    }  # fmt: skip
    settings = read_config(config, SETTINGS)
    settings.update({name: value for name, value in flags.items() if value not in (None, [])})
    target = settings.pop("out", None)
    if not target:
        raise ConfigError("The audit needs --out: give it, or write it into the --config.")
    use_folder(target)
    from attacks.typographic import audit_stroop

    name, version = settings.pop("model", None), settings.pop("revision", None)
    clip = load_model(name, device=device, revision=version)
    with progress("showing cards") as advance:
        finished = [0]

        def step(done: int, total: int) -> None:
            advance(done - finished[0])
            finished[0] = done

        view = audit_stroop(
            clip, out=Path(str(target)), overwrite=overwrite, progress=step, **settings
        )
    result(view.summary, as_json=as_json, text=lambda: headline(view.summary))
    counts = view.manifest["counts"]
    if lost := counts["skipped"] + counts["failed"]:
        say(f"{lost} of {counts['used'] + lost} cards were left out; manifest.json says why.")
    say(f"report: {view.path / 'report.html'}")
