"""``clipprobe attack``: write a word on one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.audit_typographic import place
from clipprobe.cli.common import JsonOption, SeedOption, result
from clipprobe.errors import ConfigError, RunFolderError, UnreadableImageError


def register(app: typer.Typer) -> None:
    """Add ``attack`` to the commands."""
    app.command("attack")(attack)


def attack(
    image: Annotated[Path, typer.Argument(help="The picture to write on.")],
    word: Annotated[str, typer.Argument(help="What to write.")],
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    mask: Annotated[
        Path | None, typer.Option(help="Also write the mask of the ink, as a black and white PNG.")
    ] = None,
    size: Annotated[float, typer.Option(help="Line height as a fraction of the short side.")] = 0.2,
    position: Annotated[
        str,
        typer.Option(help="random, center, top-left, r1c1 .. r4c4, or fractions such as 0.5,0.25."),
    ] = "random",
    copies: Annotated[int, typer.Option(help="1 to 16.")] = 1,
    color: Annotated[str, typer.Option(help="A name or #rrggbb.")] = "white",
    opacity: Annotated[float, typer.Option(help="Above 0, at most 1.")] = 1.0,
    outline: Annotated[str, typer.Option(help="A name or #rrggbb, or none.")] = "black",
    background: Annotated[str, typer.Option(help="A name or #rrggbb, or none.")] = "none",
    rotation: Annotated[float, typer.Option(help="Degrees, counter-clockwise.")] = 0.0,
    font: Annotated[str, typer.Option(help="A bundled font.")] = "DejaVuSans-Bold",
    case: Annotated[str, typer.Option(help="as-is, lower, upper or title.")] = "as-is",
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Write WORD on IMAGE; the same picture, settings and seed give the same pixels."""
    from attacks.typographic import TypographicAttack
    from clipprobe.data import decode_image

    for path in (out, mask):
        if path is not None and path.suffix.lower() != ".png":
            raise ConfigError(
                f"The picture cannot be written to {path}: give a name that ends in .png, which "
                "keeps every pixel."
            )
        if path is not None and path.exists() and image.exists() and path.samefile(image):
            raise ConfigError(f"--out or --mask is the picture {image} itself: give another name.")
    settings: dict[str, Any] = {
        "word": word,
        "size": size,
        "position": place(position),
        "copies": copies,
        "color": color,
        "opacity": opacity,
        "outline": None if outline == "none" else outline,
        "background": None if background == "none" else background,
        "rotation": rotation,
        "font": font,
        "case": case,
        "seed": seed,
    }
    described = TypographicAttack(**settings)
    try:
        attacked = described(decode_image(image))
    except UnreadableImageError as error:
        raise UnreadableImageError(
            f"The picture {image} could not be read ({error}): give another file."
        ) from None
    _save(attacked.image, out)
    if mask is not None:
        from PIL import Image

        _save(Image.fromarray(attacked.mask), mask)
    data = {
        "out": out,
        "mask": mask,
        "boxes": attacked.boxes,
        "ink": float(attacked.mask.mean()),
        "spec": attacked.spec,
    }
    result(data, as_json=as_json, text=str(out))


def _save(image: Any, path: Path) -> None:
    from clipprobe.runs.files import write_atomically

    try:
        write_atomically(path, lambda temporary: image.save(temporary, "PNG"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RunFolderError(
            f"The file {path} could not be written ({reason}): choose another place."
        ) from None
