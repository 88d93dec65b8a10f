"""``clipprobe neurons where``: the map of a unit's activation on one image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, read_image, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.runs.files import check_file, file_errors, write_atomically
from clipprobe.settings import HOW, Flag, Settings
from clipprobe.settings.shared import Model, Terminal


@dataclass(frozen=True, kw_only=True)
class UnitOnImage(Settings):
    """Where in an image a unit fires; `clipprobe explain --unit` says which pixels drive it."""

    panel: ClassVar[str] = "Map"
    unit: Annotated[str, Flag(argument=True)]
    """A unit, as vision.blocks.3.mlp.post:17."""
    image: Annotated[Path, Flag(argument=True)]
    """An image file."""
    out: Annotated[Path | None, HOW] = None
    """Write the image with its map here (PNG)."""


def where(settings: UnitOnImage, model: Model, terminal: Terminal) -> None:
    """Print the map, and draw it where that is wanted."""
    out = settings.out
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigError(f"The map is written as PNG, and {out} ends otherwise: name it .png.")
    read_image(settings.image)
    if out is not None:
        check_file(out)
    clip = load_model(model)
    from clipprobe.neurons import unit_map

    heat = unit_map(clip, settings.image, settings.unit)
    if out is not None:
        from clipprobe.figures.attribution import panel

        sheet = panel(clip.preprocess.to_grid(settings.image), heat.map)
        with file_errors(out):
            write_atomically(out, lambda path: sheet.save(path, "PNG"))
        say(f"The map is {out}: orange where the activation is positive, blue where negative.")
    lines = [f"{heat.address}: largest {heat.map.max():.4f}, smallest {heat.map.min():.4f}"]
    lines += ["  " + " ".join(f"{value:+7.2f}" for value in row) for row in heat.map]
    lines.append(
        f"  class token {heat.class_token:+.4f}" if not heat.reason else f"  {heat.reason}"
    )
    result(heat.to_json(), as_json=terminal.as_json, text="\n".join(lines))


WHERE = Verb(where, (UnitOnImage, Model, Terminal))
