"""``clipprobe similarity``: the cosine of images with texts, printed, and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.cli.common import load_model, progress, result, say
from clipprobe.cli.verbs import Verb
from clipprobe.errors import DataError
from clipprobe.lines import one_line, shortened
from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Batches, Compared, Model, Terminal

_TEXT_WIDTH = 100  # of a text above the table


@dataclass(frozen=True, kw_only=True)
class Similarity(Batches, Compared):
    """The cosine of every image with every text."""

    panel: ClassVar[str] = "Similarity"
    images: Annotated[Sequence[Path], Flag(argument=True)]
    """Image files."""
    out: Annotated[Path | None, HOW] = None
    """Write the matrix here too: a table (.csv, .parquet), a page (.html) or an image (.png)."""


def similarity(settings: Similarity, model: Model, terminal: Terminal) -> None:
    """Print the cosine of every image with every text."""
    images, texts = list(settings.images), list(settings.texts)
    folders = [path for path in images if path.is_dir()]
    if folders:
        raise DataError(
            f"{folders[0]} is a folder, and this command compares single images: "
            f"give files, for example {folders[0]}/*."
        )
    for path in images:
        if not path.is_file():
            raise DataError(f"The image {path} could not be read (no such file): give another.")
    if settings.out is not None:
        from clipprobe.runs.files import check_file
        from clipprobe.zeroshot.matrix import check_matrix_name

        check_matrix_name(settings.out)
        check_file(settings.out)
    clip = load_model(model)
    from clipprobe.memory import fitting_batch

    fitting_batch(clip, settings.batch_size, len(images))
    with progress("encoding images", len(images)) as advance:
        encoded = clip.encode_images(images, batch_size=settings.batch_size, progress=advance)
    cosines = clip.similarity(encoded, texts)
    data = {
        "model": clip.provenance()["model"],
        "images": [str(path) for path in images],
        "texts": texts,
        "cosine": cosines.tolist(),
    }
    if settings.out is not None:
        from clipprobe.zeroshot.matrix import write_matrix

        write_matrix(settings.out, cosines, images, texts, provenance=clip.provenance())
        say(f"The matrix is {settings.out}.")
    result(data, as_json=terminal.as_json, text=lambda: similarity_text(data))


def similarity_text(data: dict[str, Any]) -> str:
    """A row per image, a column per text, the texts written above."""
    images = [one_line(name) for name in data["images"]]
    width = max(len(name) for name in images)
    heads = [f"[{i}]" for i in range(len(data["texts"]))]
    return "\n".join(
        [
            *(
                f"[{i}] {shortened(one_line(text), _TEXT_WIDTH)}"
                for i, text in enumerate(data["texts"])
            ),
            " " * width + "".join(f"{head:>9}" for head in heads),
            *(
                f"{name:<{width}}" + "".join(f"{value:>9.4f}" for value in row)
                for name, row in zip(images, data["cosine"], strict=True)
            ),
        ]
    )


SIMILARITY = Verb(similarity, (Similarity, Model, Terminal))
