"""``clipprobe explain``: where in an image a score, or a neuron's activation, comes from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipprobe.attribution.settings import Explaining
from clipprobe.cli.common import load_model, read_image, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.runs.files import check_file, file_errors, write_atomically
from clipprobe.settings.shared import Model, Terminal

if TYPE_CHECKING:
    from PIL import Image

    from clipprobe.attribution import Explanation
    from clipprobe.models import Clip


def explain(settings: Explaining, model: Model, terminal: Terminal) -> None:
    """Explain one score, and print or draw the map."""
    text, out = list(settings.text), settings.out
    if bool(text) == bool(settings.unit):
        raise ConfigError(
            "Either a text or --unit must be given, and not both: for example "
            '`clipprobe explain dog.png "a dog"`.'
        )
    if out is not None and out.suffix.lower() != ".png":
        raise ConfigError(f"The map is written as PNG, and {out} ends otherwise: name it .png.")
    refuse_person_groups(text, "explain")  # before a model is loaded
    from clipprobe.attribution import explain as explain_image
    from clipprobe.attribution.registry import find_method

    # Before a model is loaded: a wrong method, an image or a place that cannot be used.
    find_method(settings.method, settings.of_method())
    read_image(settings.image)
    if out is not None:
        check_file(out)
    clip = load_model(model.model, device=model.device, revision=model.revision)
    from clipprobe.hooks import parse_unit

    found = explain_image(
        clip,
        settings.image,
        parse_unit(settings.unit) if settings.unit else text,
        settings.method,
        pool=settings.pool,
        **settings.of_method(),
    )
    if out is not None:
        write_picture(clip, settings.image, found, out)
        say(f"The map is {out}: orange raises the score, blue lowers it.")
    if found.caution:
        say(f"Caution: {found.caution}.")
    result(numbers(found), as_json=terminal.as_json, text=lambda: words(found))


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


EXPLAIN = Verb(explain, (Explaining, Model, Terminal))
