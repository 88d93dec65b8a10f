"""``clipprobe neurons captions``: what units have to do with written language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    read_lines,
    result,
    say,
    sites_option,
)
from clipprobe.cli.neurons_words_text import captions_text
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.neurons.captions import UnitCaptions

_N_UNITS = 20
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
    neurons.command("captions")(captions)


def captions(
    units: UnitOption = None,
    sites: Annotated[list[str] | None, sites_option("none, --unit is given")] = None,
    captions_file: Annotated[
        Path | None,
        typer.Option(
            "--captions", help="Captions, one a line.", show_default="bundled concepts in templates"
        ),
    ] = None,
    out: OutOption = Path("runs/captions"),
    pool: Annotated[
        str, typer.Option("--pool", help="Of text units: eos, max, mean; none without tokens.")
    ] = "eos",
    images: Annotated[
        str | None,
        typer.Option(
            "--images", help="Images to linearise vision units at.", show_default="bundled pictures"
        ),
    ] = None,
    keep_mean: Annotated[
        bool, typer.Option("--keep-mean", help="Do not subtract the mean over the captions.")
    ] = False,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Captions at either end of a unit.")
    ] = 10,
    n_random: Annotated[
        int, typer.Option("--random", min=0, help="Random directions that say what is chance.")
    ] = 999,
    keep_offensive: OffensiveOption = False,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Captions along what a vision unit writes; or the prompts that activate a text unit most."""
    wanted = [*(units or []), *(sites or [])]
    if not wanted:
        raise ConfigError(
            "No unit was named: give --unit vision.blocks.-1.mlp.post:17, or --sites with a hook "
            "point for all of its units."
        )
    listed = None
    if captions_file is not None:
        from clipprobe.neurons.words.lists import word_list

        lines = read_lines(captions_file, "captions")
        listed = word_list(lines, name=captions_file.name, keep_offensive=keep_offensive)
    elif keep_offensive:
        raise ConfigError("--keep-offensive is for your own list: give --captions FILE with it.")
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.neurons.captions import captions_run
    from clipprobe.neurons.captions.ranking import by_site
    from clipprobe.neurons.captions.run import tower_of

    if tower_of(clip, wanted) == "text" and images is not None:
        raise ConfigError("--images is for vision units, and text units were named: leave it out.")
    total = sum(len(indices) for _, indices in by_site(clip, wanted, tower_of(clip, wanted)))
    with progress("ranking", total) as advance:
        found = captions_run(
            clip,
            wanted,
            listed,
            out=out,
            pool=pool,
            images=None if images is None else _pictures(images),
            subtract_mean=not keep_mean,
            top=top,
            n_random=n_random,
            seed=seed,
            overwrite=overwrite,
            progress=advance,
        )
    shown = found if units else _clearest(found)
    data = {"claim": found[0].claim, "units": [one.to_json() for one in shown]}
    result(data, as_json=as_json, text=lambda: captions_text(shown))
    say(f"The report on {len(found)} units is {out}/report.html.")


def _sites(sites: list[str] | None, units: list[str] | None) -> list[str] | None:
    from clipprobe.hooks.names import parse_unit

    hooks = [*(sites or []), *(parse_unit(unit).hook for unit in units or [])]
    return list(dict.fromkeys(hooks)) or None


def _pictures(images: str) -> list[Any]:
    """The images of a data set as pictures; a few are meant, so all are held at once."""
    from clipprobe.data import as_dataset
    from clipprobe.data.images import as_pil

    return [as_pil(record) for record in as_dataset(images, limit=64).records]


def _clearest(found: Sequence[UnitCaptions]) -> list[UnitCaptions]:
    def highest(unit: UnitCaptions) -> float:
        z = unit.top[0].z
        return z if z == z else float("-inf")

    return sorted(found, key=lambda unit: -highest(unit))[:_N_UNITS]
