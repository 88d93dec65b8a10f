"""``clipprobe attack``: write a word on one picture, with the mask of its ink and its controls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clipprobe.cli.common import JsonOption, SeedOption, read_image, result
from clipprobe.cli.knobs import parsed_knobs, with_knobs
from clipprobe.errors import ConfigError, RunFolderError


def register(app: typer.Typer) -> None:
    """Add ``attack`` to the commands."""
    app.command("attack")(with_knobs(attack))


def attack(
    image: Annotated[Path, typer.Argument(help="The picture to write on.")],
    word: Annotated[str, typer.Argument(help="What to write.")],
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    mask_out: Annotated[
        Path | None,
        typer.Option(
            "--mask-out", "--mask", help="Also write the ink mask, as a black and white PNG."
        ),
    ] = None,
    controls: Annotated[
        Path | None,
        typer.Option(
            help="A folder for the attack and its controls in the same place: blank label, "
            "nonsense word, scrambled letters, and the true word where --true-word is given."
        ),
    ] = None,
    true_word: Annotated[
        str | None, typer.Option(help="What the picture shows, for the control with it.")
    ] = None,
    object_mask: Annotated[
        Path | None,
        typer.Option(help="A picture that is white on the object, for --position on or off."),
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    **knobs: Any,
) -> None:
    """Write WORD on IMAGE; the same picture, settings and seed give the same pixels.

    The word is drawn at the picture's own resolution.
    """
    from attacks.typographic import TypographicAttack
    from attacks.typographic.attack.presets import preset_knobs

    _check_outputs(image, out, mask_out, controls)
    if true_word is not None and controls is None:
        raise ConfigError("--true-word is for the controls: give --controls DIR too.")
    given = parsed_knobs({k: v for k, v in knobs.items() if v is not None})
    if (name := given.pop("preset", None)) is not None:
        given = preset_knobs(name, given)
    described = TypographicAttack(word=word, seed=seed, **given)
    picture = read_image(image)
    known = None
    if object_mask is not None:
        import numpy as np

        known = np.asarray(read_image(object_mask).convert("L")) > 127
    attacked = described(picture, object_mask=known)
    _save(attacked.image, out)
    if mask_out is not None:
        from PIL import Image

        _save(Image.fromarray(attacked.mask), mask_out)
    data = {
        "out": out,
        "mask": mask_out,
        "boxes": attacked.boxes,
        "ink": float(attacked.mask.mean()),
        "preset": name,
        "spec": attacked.spec,
    }
    if controls is not None:
        data["controls"] = _write_controls(described, attacked, picture, true_word, controls)
    result(data, as_json=as_json, text=str(out))


def _write_controls(
    described: Any, attacked: Any, picture: Any, true_word: str | None, folder: Path
) -> dict[str, Any]:
    """Write the attack and its controls; what each file shows, by kind."""
    from attacks.typographic.attack.controls import controls_of

    taken = {described.word.casefold(), (true_word or described.word).casefold()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"The folder {folder} could not be made ({error.strerror}): choose another place."
        ) from None
    written = {}
    for kind, drawn in controls_of(
        described,
        attacked,
        picture,
        true_word=true_word,
        known=lambda other: other.casefold() in taken,
        key=(described.seed,),
    ):
        path = folder / f"{kind}.png"
        _save(drawn.image, path)
        written[kind] = {"path": path, "spec": drawn.spec}
    return written


def _check_outputs(image: Path, out: Path, mask_out: Path | None, controls: Path | None) -> None:
    for path in (out, mask_out):
        if path is not None and path.suffix.lower() != ".png":
            raise ConfigError(
                f"The picture cannot be written to {path}: give a name that ends in .png, which "
                "keeps every pixel."
            )
    kinds = ("attack", "blank", "nonsense", "scrambled", "true")
    files = [out, mask_out, *((controls / f"{kind}.png") for kind in kinds if controls)]
    for path in files:
        if path is not None and path.exists() and image.exists() and path.samefile(image):
            raise ConfigError(
                f"One of --out, --mask-out and --controls is the picture {image} itself: give "
                "another name."
            )


def _save(image: Any, path: Path) -> None:
    from clipprobe.runs.files import file_errors, write_atomically

    with file_errors(path):
        write_atomically(path, lambda temporary: image.save(temporary, "PNG"))
