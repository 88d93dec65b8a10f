"""``clipprobe explain``: where in an image a score, or a neuron's activation, comes from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipprobe.cli.common import (
    DeviceOption,
    JsonOption,
    ModelOption,
    PoolOption,
    RevisionOption,
    load_model,
    read_image,
    result,
    say,
)
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.runs.files import check_file, file_errors, write_atomically

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.attribution import Explanation
    from clipprobe.models import Clip


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command("explain")(explain)


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...", help="A text; several are explained by their mean direction."
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="A unit instead of a text, as vision.blocks.3.mlp.post:17."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="integrated_gradients, or token_grad_cam, which mostly points away from the "
            "object of a text.",
        ),
    ] = "integrated_gradients",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the picture with its map here (PNG).")
    ] = None,
    pool: PoolOption = "max",
    hook: Annotated[
        str | None,
        typer.Option(
            "--hook",
            help="token_grad_cam: the hook point that is mapped.",
            show_default="the stream before the last block, or before the unit's",
        ),
    ] = None,
    n_steps: Annotated[
        int | None,
        typer.Option(
            "--steps", min=1, help="integrated_gradients: steps.", show_default="64, more if needed"
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", help="integrated_gradients: grey, black or white.", show_default="grey"
        ),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Explain the score of an image with a text, or a neuron's activation."""
    if bool(text) == bool(unit):
        raise ConfigError(
            "Either a text or --unit must be given, and not both: for example "
            '`clipprobe explain dog.png "a dog"`.'
        )
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigError(f"The map is written as PNG, and {out} ends otherwise: name it .png.")
    refuse_person_groups(text or [], "explain")  # before a model is loaded
    from clipprobe.attribution import explain as explain_image
    from clipprobe.attribution.registry import find_method

    options = {"hook": hook, "n_steps": n_steps, "baseline": baseline}
    settings: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    # Before a model is loaded: a wrong method, an image or a place that cannot be used.
    find_method(method, settings)
    read_image(image)
    if out is not None:
        check_file(out)
    clip = load_model(model, device=device, revision=revision)
    from clipprobe.hooks import parse_unit

    found = explain_image(
        clip,
        image,
        parse_unit(unit) if unit else (text or []),
        method,
        pool=pool,
        **settings,
    )
    if out is not None:
        write_picture(clip, image, found, out)
        say(f"The map is {out}: orange raises the score, blue lowers it.")
    if found.caution:
        say(f"Caution: {found.caution}.")
    result(numbers(found), as_json=as_json, text=lambda: words(found))


def numbers(found: Explanation) -> dict[str, Any]:
    """Everything but a map in pixels, which is a picture's worth of digits."""
    data = found.to_json()
    if found.resolution == "pixels":
        del data["map"]
    return data


def words(found: Explanation) -> str:
    """An explanation for people."""
    lines = [f"{found.target}: {found.score:.4f} ({found.method})"]
    if math.isnan(found.completeness_gap):
        lines.append(f"  {found.reason}")
    else:
        lines.append(
            f"  baseline {found.baseline_score:.4f}; the map accounts for the difference to within "
            f"{found.completeness_gap:.2%}"
        )
    patches = found.patches
    order = abs(patches.reshape(-1)).argsort()[::-1][:5]
    lines.append("  strongest patches, raising or lowering (row, column):")
    for place in order:
        row, column = divmod(int(place), found.grid[1])
        lines.append(f"    {row:>3} {column:>3}  {patches[row, column]:+.4g}")
    return "\n".join(lines)


def write_picture(clip: Clip, image: Path, found: Explanation, out: Path) -> None:
    """The panel of figures, with what it shows in the file's own text fields."""
    from PIL.PngImagePlugin import PngInfo

    from clipprobe.figures.attribution import panel

    pixels = found.map if found.resolution == "pixels" else None
    sheet: Image.Image = panel(clip.preprocess.to_grid(image), found.patches, pixels)
    notes = PngInfo()
    for name in ("target", "method", "units", "score"):
        notes.add_itxt(name, str(getattr(found, name)))
    with file_errors(out):
        write_atomically(out, lambda path: sheet.save(path, "PNG", pnginfo=notes))
