"""``{object}-{word}.jpg``: the photographs of hand-written attacks of Goh et al. 2021.

``blank`` is the object with an empty label: the clean twin of every attack on it. The published
answers use ImageNet's names, so the aliases of the article come with the layout.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from attacks.typographic.datasets.files import image_files
from attacks.typographic.datasets.layout import Layout, Picture, Reading
from clipprobe.data import Failure
from clipprobe.zeroshot.classes import key

#: Names of the photographs -> names that the published answers use for the same thing.
ALIASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("apple", ("Granny Smith",)),
    ("laptop", ("laptop computer", "desktop computer")),
    ("trash", ("waste container", "ashcan")),
    ("phone", ("rotary dial telephone",)),
    ("wine", ("red wine",)),
    ("plant", ("plant pot",)),
    ("cup", ("measuring cup",)),
    ("water", ("water jug",)),
    ("mug", ("coffee mug",)),
)
FOLDERS = {"in-the-wild-2": 171, "in-the-wild-3": 56}


def read_distill(path: Path) -> Reading:
    """Photographs of one folder, or of both folders below ``path``; nothing else is read."""
    folders = [path / name for name in FOLDERS if (path / name).is_dir()] or [path]
    pictures: list[Picture] = []
    skipped: list[Failure] = []
    warnings: list[str] = []
    for folder in folders:
        prefix = "" if folder == path else f"{folder.name}/"
        images, others = image_files(folder)
        skipped += [Failure(prefix + item.id, item.reason) for item in others]
        before = len(pictures)
        for record in images:
            thing, dash, word = PurePosixPath(record.id).stem.rpartition("-")
            if not dash or not key(thing) or not key(word):
                skipped.append(
                    Failure(prefix + record.id, "its name is not of the form {object}-{word}")
                )
                continue
            where = PurePosixPath(prefix + record.id).parent.as_posix()
            pictures.append(
                Picture(
                    id=prefix + record.id,
                    source=record.source,
                    label=thing,
                    word="" if word.lower() in ("blank", "none") else word,
                    pair=f"{where}/{key(thing)}",
                )
            )
        count, published = len(pictures) - before, FOLDERS.get(folder.resolve().name)
        if published is not None and count != published:
            warnings.append(
                f"{folder.name} has {published} photographs as published and {count} were found."
            )
    return Reading(pictures, skipped, warnings)


def _recognise(path: Path) -> bool:
    if not path.is_dir():
        return False
    return path.resolve().name in FOLDERS or all((path / name).is_dir() for name in FOLDERS)


DISTILL = Layout(
    name="distill",
    title="the photographs of the Distill article",
    read=read_distill,
    recognise=_recognise,
    expected=(171, 56, 227),
    expected_note="171 in in-the-wild-2, 56 in in-the-wild-3",
    licence="CC-BY-4.0",
    source="https://github.com/distillpub/post--multimodal",
    citation="Goh et al., Multimodal Neurons in Artificial Neural Networks, Distill 2021, "
    "doi:10.23915/distill.00030",
    synonyms=ALIASES,
)
