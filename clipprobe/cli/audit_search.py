"""``clipprobe audit search``: the least visible text that flips the answer for one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.audit_settings import say_twice
from clipprobe.cli.common import (
    DeviceOption,
    JsonOption,
    ModelOption,
    OutOption,
    OverwriteOption,
    RevisionOption,
    SeedOption,
    group,
    load_model,
    progress,
    read_image,
    result,
    say,
)
from clipprobe.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add ``search`` to the group ``audit``."""
    audits = group(app, "audit", "Measure where a model breaks, with intervals and controls.")
    audits.command("search")(search)


def search(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    label: Annotated[str, typer.Option(help="What it shows: one of the classes.")],
    classes: Annotated[Path, typer.Option(help="A text file, one candidate class a line.")],
    out: OutOption,
    target: Annotated[
        str | None,
        typer.Option(help="The class that the answer shall become.", show_default="any wrong one"),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            help="A text file, one word a line.",
            show_default="the target, or the likeliest wrong classes",
        ),
    ] = None,
    word: Annotated[list[str] | None, typer.Option(help="A word; repeat for more.")] = None,
    max_area: Annotated[
        float, typer.Option("--max-area", help="Largest share of pixels inked.")
    ] = 0.1,
    queries: Annotated[
        int,
        typer.Option(
            "--queries",
            min=2,
            help="Pictures shown for the words, and as many for the control with nonsense words.",
        ),
    ] = 500,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Line heights to try, as fractions: 0.08,0.12,0.2.",
            show_default="nine from 0.07 to 0.3",
        ),
    ] = None,
    opacities: Annotated[
        str | None,
        typer.Option(help="Opacities to try: 0.5,1.", show_default="0.25, 0.4, 0.6, 0.8, 1"),
    ] = None,
    colors: Annotated[
        str | None,
        typer.Option(
            help="Colours to try: white,#ff0000.", show_default="white, black, red, yellow, blue"
        ),
    ] = None,
    places: Annotated[
        int | None, typer.Option(min=1, help="Rows and columns of places.", show_default="6")
    ] = None,
    fonts: Annotated[
        str | None,
        typer.Option(help="Bundled fonts to try, with commas.", show_default="DejaVuSans-Bold"),
    ] = None,
    rotations: Annotated[
        str | None, typer.Option(help="Degrees to try: -15,0,15.", show_default="0")
    ] = None,
    outline: Annotated[
        str | None,
        typer.Option(
            help="A name or #rrggbb, or none.", show_default="black; white round black letters"
        ),
    ] = None,
    synonyms: Annotated[
        Path | None,
        typer.Option(help="A YAML file: for a class, a list of other names that mean the same."),
    ] = None,
    forbidden: Annotated[
        Path | None, typer.Option(help="A text file with words that may never be written.")
    ] = None,
    draw_at: Annotated[str, typer.Option(help="Resolution of the text: model or image.")] = "model",
    batch_size: Annotated[int, typer.Option(min=1, help="Images in one pass.")] = 32,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search the least visible text on IMAGE that flips the model's answer.

    What is found is the best of many tries and is reported so: with the success at every smaller
    budget, and with the same search over nonsense words as the control.
    """
    from attacks.typographic.search import search_attack
    from attacks.typographic.texts import read_synonyms
    from attacks.typographic.words import read_forbidden

    if words is not None and word:
        raise ConfigError("--words and --word were given together: choose one source of words.")
    fixed = {} if outline is None else {"outline": None if outline == "none" else outline}
    options: dict[str, Any] = {"fixed": fixed}
    for name, text in (("sizes", sizes), ("opacities", opacities)):
        if text is not None:
            options[name] = numbers(text, name)
    if colors is not None:
        options["colors"] = tuple(part.strip() for part in colors.split(","))
    if places is not None:
        options["places"] = places
    knobs: dict[str, tuple[Any, ...]] = {}
    if fonts is not None:
        knobs["font"] = tuple(part.strip() for part in fonts.split(","))
    if rotations is not None:
        knobs["rotation"] = numbers(rotations, "rotations")
    read_image(image)
    say_twice(classes)
    clip = load_model(model, device=device, revision=revision)
    with progress("searching", total=2 * queries) as advance:
        seen = [0]

        def step(done: int, total: int) -> None:
            advance(done - seen[0])
            seen[0] = done

        found = search_attack(
            clip,
            image,
            label,
            classes,
            out=out,
            target=target,
            words=words if words is not None else (word or None),
            max_area=max_area,
            queries=queries,
            synonyms=read_synonyms(synonyms),
            forbidden=() if forbidden is None else read_forbidden(forbidden),
            draw_at=draw_at,  # type: ignore[arg-type]  # checked where it is used
            seed=seed,
            batch_size=batch_size,
            overwrite=overwrite,
            progress=step,
            knobs=knobs,
            **options,
        )
    from attacks.typographic.search.report import summary_of

    result(summary_of(found), as_json=as_json, text=lambda: sentences(found))
    say(f"report: {found.path / 'report.html'}")


def numbers(text: str, name: str) -> tuple[float, ...]:
    """Numbers with commas between them.

    Raises:
        ConfigError: one is none.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--{name} {text!r} is no list of numbers: give them as 0.1,0.2."
        ) from None


def sentences(found: Any) -> str:
    """The result as lines for the terminal."""
    from attacks.typographic.search.report import warnings
    from clipprobe.report.numbers import format_cell

    lines = [f"warning: {text}" for text in warnings(found)]
    least = found.words.found
    if least is not None:
        values = ", ".join(f"{name} {value}" for name, value in least.values.items())
        lines += [
            f"flips to            {least.answer} (margin {least.margin:.3f} logits)",
            f"text                {least.text} ({values})",
            f"ink                 {least.ink:.4f} of the pixels, visibility {least.visibility:.4f}",
            f"best of             {found.words.queries} queries, found at {least.query}",
            f"verified            {'yes' if found.verified else 'no'}",
        ]
    lines.append(f"coarse tries        {format_cell(found.words.coarse)} flip")
    if found.nonsense is not None:
        lines.append(f"nonsense tries      {format_cell(found.nonsense.coarse)} flip")
    return "\n".join(lines)
