"""``clipprobe neurons show``: one unit of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipprobe.cli import neurons_multimodal
from clipprobe.cli.boundary import one_line
from clipprobe.cli.common import JsonOption, group, result, say
from clipprobe.errors import ConfigError
from clipprobe.neurons.atlas.settings import DEFAULT_ATLAS as DEFAULT_ATLAS
from clipprobe.neurons.atlas.showing import peak_text as peak_text
from clipprobe.runs.files import check_file

if TYPE_CHECKING:
    from clipprobe.neurons import Firing, Unit

_N_SHOWN = 8

AtlasOption = Annotated[
    Path, typer.Option("--atlas", help="The run folder that `clipprobe neurons scan` wrote.")
]
WithOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        help="A run of another instrument (words, multimodal, labels, effects, …); "
        "repeat for more. Those beside the atlas are found without.",
        show_default="those beside the atlas",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group ``neurons``."""
    neurons = group(app, "neurons", "What makes each neuron fire.")
    neurons.command("show")(show)
    neurons_multimodal.register(app)


def show(
    address: Annotated[
        str, typer.Argument(metavar="UNIT", help="A unit, as vision.blocks.3.mlp.post:17.")
    ],
    atlas: AtlasOption = DEFAULT_ATLAS,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the unit's sheet, with pictures, here.")
    ] = None,
    runs: WithOption = None,
    picture_size: Annotated[
        int,
        typer.Option(
            "--picture-size", min=16, max=512, help="Longest side of a picture, in pixels."
        ),
    ] = 128,
    as_json: JsonOption = False,
) -> None:
    """One unit: its numbers, what lies along its range, what other instruments found."""
    from clipprobe.neurons import Atlas

    if out is not None:
        check_file(out)
    loaded = Atlas.load(atlas)
    unit = loaded.unit(address)
    if out is not None:
        from clipprobe.neurons.sheet.sheet import unit_sheet
        from clipprobe.report import write_html

        page = unit_sheet(loaded, unit, runs=runs or [], out=out, side=picture_size)
        write_html(page, out)
        say(f"The sheet of {unit.name} is {out}.")
    elif runs:
        raise ConfigError("--with adds tables to a sheet: say with --out where it goes.")
    result(unit.to_json(), as_json=as_json, text=lambda: unit_text(unit, loaded.inputs))


def _where(firing: Firing) -> str:
    """The token of a maximum."""
    from clipprobe.neurons.atlas.showing import token_words

    return "" if firing.token is None else f"  ({one_line(token_words(firing))})"


def unit_text(unit: Unit, inputs: str) -> str:
    """A unit for people."""
    lines = [
        unit.name,
        f"  {unit.n_images} {inputs}: mean {unit.mean:.4g}, standard deviation {unit.std:.4g}, "
        f"{unit.low:.4g} to {unit.high:.4g}",
        f"  above 0 on {unit.share_positive:.1%} of {inputs}, above {unit.threshold:g} on "
        f"{unit.share_above:.1%} (sparsity {unit.sparsity:.3f}); peak {peak_text(unit.peak)} "
        f"(bell-shaped: {peak_text(unit.peak_floor)})",
        f"  strongest {inputs}:",
    ]
    lines += [
        f"    {one.value:>9.4g}  {one_line(one.id)}{_where(one)}" for one in unit.top[:_N_SHOWN]
    ]
    lines.append("  along the range:")
    for part in unit.bins:
        names = ", ".join(one_line(one.id) for one in part.firings[:2])
        lines.append(
            f"    {part.low:>9.4g} to {part.high:>9.4g}  {part.n_images:>6} {inputs}  {names}"
        )
    return "\n".join(lines)
