"""``clipprobe attack``: write a word on one image, with the mask of its ink and its controls."""

from __future__ import annotations

from dataclasses import KW_ONLY
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic.dataclasses import dataclass

from attacks.typographic.settings import Lettering
from clipprobe.cli.common import read_image, result
from clipprobe.cli.verbs import Verb
from clipprobe.errors import ConfigError, RunFolderError
from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Random, Terminal


@dataclass(frozen=True)
class WordOnImage(Lettering, Random):
    """Write WORD on IMAGE; the same image, settings and seed give the same pixels.

    The word is drawn at the image's own resolution.
    """

    panel: ClassVar[str] = "Attack"
    image: Annotated[Path, Flag(argument=True)]
    """The image to write on."""
    word: Annotated[str, Flag(argument=True)]
    """What to write."""
    _: KW_ONLY
    out: Annotated[Path, HOW]
    """The PNG file to write."""
    mask_out: Annotated[Path | None, HOW, Flag(also="mask")] = None
    """Also write the ink mask, as a black and white PNG."""
    controls: Annotated[Path | None, HOW] = None
    """A folder for the attack and its controls in the same place: blank label, nonsense word,
    scrambled letters, and the true word where --true-word is given."""
    true_word: str | None = None
    """What the image shows, for the control with it."""
    object_mask: Path | None = None
    """An image that is white on the object, for --position on or off."""


def attack(settings: WordOnImage, terminal: Terminal) -> None:
    """Write the word, and say where the image is."""
    from attacks.typographic import TypographicAttack

    image, out, mask_out = settings.image, settings.out, settings.mask_out
    _check_outputs(image, out, mask_out, settings.controls)
    if settings.true_word is not None and settings.controls is None:
        raise ConfigError("--true-word is for the controls: give --controls DIR too.")
    described = TypographicAttack(word=settings.word, seed=settings.seed, **settings.knobs())
    clean = read_image(image)
    known = None
    if settings.object_mask is not None:
        import numpy as np

        known = np.asarray(read_image(settings.object_mask).convert("L")) > 127
    attacked = described(clean, object_mask=known)
    _save(attacked.image, out)
    if mask_out is not None:
        from PIL import Image

        _save(Image.fromarray(attacked.mask), mask_out)
    data = {
        "out": out,
        "mask": mask_out,
        "boxes": attacked.boxes,
        "ink": float(attacked.mask.mean()),
        "preset": settings.preset,
        "spec": attacked.spec,
    }
    if settings.controls is not None:
        data["controls"] = _write_controls(
            described, attacked, clean, settings.true_word, settings.controls
        )
    result(data, as_json=terminal.as_json, text=str(out))


def _write_controls(
    described: Any, attacked: Any, clean: Any, true_word: str | None, folder: Path
) -> dict[str, Any]:
    """Write the attack and its controls; what each file shows, by kind."""
    from attacks.typographic.attack.controls import controls_of

    used = {described.word.casefold(), (true_word or described.word).casefold()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"The folder {folder} could not be made ({error.strerror}): choose another place."
        ) from None
    written = {}
    for kind, control in controls_of(
        described,
        attacked,
        clean,
        true_word=true_word,
        known=lambda other: other.casefold() in used,
        key=(described.seed,),
    ):
        path = folder / f"{kind}.png"
        _save(control.image, path)
        written[kind] = {"path": path, "spec": control.spec}
    return written


def _check_outputs(image: Path, out: Path, mask_out: Path | None, controls: Path | None) -> None:
    for path in (out, mask_out):
        if path is not None and path.suffix.lower() != ".png":
            raise ConfigError(
                f"The image cannot be written to {path}: give a name that ends in .png, which "
                "keeps every pixel."
            )
    kinds = ("attack", "blank", "nonsense", "scrambled", "true")
    files = [out, mask_out, *((controls / f"{kind}.png") for kind in kinds if controls)]
    for path in files:
        if path is not None and path.exists() and image.exists() and path.samefile(image):
            raise ConfigError(
                f"One of --out, --mask-out and --controls is the image {image} itself: give "
                "another name."
            )


def _save(image: Any, path: Path) -> None:
    from clipprobe.runs.files import file_errors, write_atomically

    with file_errors(path):
        write_atomically(path, lambda temporary: image.save(temporary, "PNG"))


ATTACK = Verb(attack, (WordOnImage, Terminal))
