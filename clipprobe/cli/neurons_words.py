"""``clipprobe neurons words``: what units have to do with written language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli.common import (
    BatchSizeOption,
    DeviceOption,
    JsonOption,
    ModelOption,
    OutOption,
    OverwriteOption,
    PoolOption,
    RevisionOption,
    SeedOption,
    SitesOption,
    group,
    load_model,
    progress,
    read_lines,
    result,
    say,
)
from clipprobe.cli.neurons_words_text import (
    distill_text,
    unit_words_text,
    words_text,
)
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.neurons.words import WordList, WordProbe

OffensiveOption = Annotated[
    bool,
    typer.Option(
        "--keep-offensive",
        help="Leave slurs and sexual words in your own list; what is printed can be hateful.",
    ),
]
UnitOption = Annotated[
    list[str] | None,
    typer.Option("--unit", help="A unit, as vision.blocks.3.mlp.post:17; repeat for more."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("words")(words)


def words(
    words_file: Annotated[
        Path | None,
        typer.Option(
            "--words", help="Words, one a line.", show_default="10,000 common English words"
        ),
    ] = None,
    out: OutOption = Path("runs/words"),
    sites: SitesOption = None,
    pool: PoolOption = "max",
    unit: UnitOption = None,
    fonts: Annotated[
        list[str] | None,
        typer.Option(
            "--fonts",
            help="A bundled font; repeat for more.",
            show_default="DejaVuSans-Bold, DejaVuSerif-Bold, ComicNeue-Bold",
        ),
    ] = None,
    sizes: Annotated[
        list[float] | None,
        typer.Option(
            "--sizes",
            help="Line height as a share of the image; repeat for more.",
            show_default="0.15, 0.25",
        ),
    ] = None,
    places: Annotated[
        list[str] | None,
        typer.Option(
            "--places",
            help="center, top, bottom-left, …; repeat for more.",
            show_default="center, top, bottom",
        ),
    ] = None,
    ink: Annotated[str, typer.Option("--ink", help="Colour of the letters.")] = "black",
    ground: Annotated[str, typer.Option("--ground", help="Colour behind them.")] = "white",
    top: Annotated[int, typer.Option("--top", min=1, help="Words at either end of a unit.")] = 20,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Only the first N words.", show_default="all"),
    ] = None,
    scrambled: Annotated[
        int, typer.Option("--scrambled", min=0, help="Letter strings that serve as a control.")
    ] = 200,
    keep_offensive: OffensiveOption = False,
    distill: Annotated[
        Path | None,
        typer.Option(
            "--compare-distill",
            help="The Distill article's folder regional (units.json, top_words.json): overlap with "
            "its published top words.",
        ),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    batch_size: BatchSizeOption = 32,
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Which written words, shown as images, make each vision unit fire."""
    from clipprobe.neurons.words.grid import WordGrid

    given: dict[str, Any] = {"fonts": fonts, "sizes": sizes, "places": places}
    grid = WordGrid(ink=ink, ground=ground, **{k: v for k, v in given.items() if v})
    if distill is not None:
        from clipprobe.neurons.words.distill import read_published

        read_published(distill)  # a wrong folder is told before the hours of probing
    listed = _word_list(words_file, limit, keep_offensive)
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons.words import word_probe

    wanted = _sites(sites, unit)
    n = len(listed.words)
    say(
        f"{n} words x {grid.n_renderings} renderings = {n * grid.n_renderings} images; "
        f"{listed.n_blocked} entries were left out as slurs or sexual words."
    )
    with progress("reading", n + scrambled + 1) as advance:
        probe = word_probe(
            clip,
            listed,
            sites=wanted,
            pool=pool,
            grid=grid,
            top=top,
            out=out,
            n_scrambled=scrambled,
            batch_size=batch_size,
            seed=seed,
            overwrite=overwrite,
            progress=advance,
        )
    _report_words(probe, unit or [], top, distill, as_json=as_json)
    left_out = f" {len(probe.left_out)} words could not be drawn." if probe.left_out else ""
    say(f"The report is {out}/report.html.{left_out}")


def _sites(sites: list[str] | None, units: list[str] | None) -> list[str] | None:
    from clipprobe.hooks.names import parse_unit

    hooks = [*(sites or []), *(parse_unit(unit).hook for unit in units or [])]
    return list(dict.fromkeys(hooks)) or None


def _word_list(path: Path | None, limit: int | None, keep_offensive: bool) -> WordList:
    from clipprobe.neurons.words.lists import bundled_words, word_list

    if path is None:
        if keep_offensive:
            raise ConfigError("--keep-offensive is for your own list: give --words FILE with it.")
        return bundled_words(limit)
    if keep_offensive:
        say("Content warning: slurs and sexual words of your list stay in and may be printed.")
    lines = read_lines(path, "words")
    return word_list(lines, name=path.name, keep_offensive=keep_offensive, limit=limit)


def _report_words(
    probe: WordProbe, units: Sequence[str], top: int, distill: Path | None, *, as_json: bool
) -> None:
    from clipprobe.runs import load_run

    assert probe.path is not None  # the command always writes a run
    data: dict[str, Any] = dict(load_run(probe.path).summary)
    found = [probe.unit(address, top=top) for address in units]
    parts: list[Callable[[], str]] = [lambda: words_text(data)]
    if found:
        data["units"] = [one.to_json() for one in found]
        parts.append(lambda: "\n".join(unit_words_text(one) for one in found))
    if distill is not None:
        from clipprobe.neurons.words.distill import compare_distill

        compared = compare_distill(probe, distill)
        data["distill"] = compared.to_json()
        parts.append(lambda: distill_text(compared))
    result(data, as_json=as_json, text=lambda: "\n".join(part() for part in parts))
