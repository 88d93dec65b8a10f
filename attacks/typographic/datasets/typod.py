"""``...-{question}-{label}-{typo}.jpg``: TypoD, attacks drawn for vision-language assistants."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from attacks.typographic.datasets.files import image_files
from attacks.typographic.datasets.layout import Layout, Reading, attack_picture, spaced
from clipprobe.data import Failure
from clipprobe.zeroshot.classes import key


def read_typod(path: Path) -> Reading:
    """The last three parts of each name, split at ``-``: question, label and written word.

    Labels and words hold no hyphen in this data set, which is why it splits there. Pictures of the
    same name without the last part (same beginning, question and label) hang together.
    """
    images, skipped = image_files(path)
    pictures = []
    for record in images:
        stem = PurePosixPath(record.id).stem
        parts = [part.strip() for part in stem.rsplit("-", 3)]
        if len(parts) != 4 or not all(key(part) for part in parts[1:]):
            reason = "its name does not end in -{question}-{label}-{word}"
            skipped.append(Failure(record.id, reason))
            continue
        label, word = spaced(parts[2]), spaced(parts[3])
        pair = record.id[: len(record.id) - len(PurePosixPath(record.id).name)]
        made = attack_picture(record, label, word, f"{pair}{parts[0]}-{parts[1]}-{parts[2]}")
        if isinstance(made, Failure):
            skipped.append(made)
        else:
            pictures.append(made)
    return Reading(pictures, skipped)


TYPOD = Layout(
    name="typod",
    title="TypoD",
    read=read_typod,
    recognise=lambda path: False,  # any name with three hyphens would fit
    licence="none stated",
    source="https://github.com/ChaduCheng/TypoDeceptions",
    citation="Cheng et al., Unveiling Typographic Deceptions, ECCV 2024",
)
