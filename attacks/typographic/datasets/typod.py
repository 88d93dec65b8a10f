"""``...-{question}-{label}-{typo}.jpg``: TypoD, attacks drawn for vision-language assistants."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from attacks.typographic.datasets.files import image_files
from attacks.typographic.datasets.layout import Layout, Reading, spaced
from clipprobe.zeroshot.classes import key


def read_typod(path: Path) -> Reading:
    """The last three parts of each name, split at ``-``: question, label and written word.

    Labels and words hold no hyphen in this data set, which is why it splits there. Images of the
    same name without the last part (same beginning, question and label) hang together.
    """

    def parse(name: PurePosixPath) -> tuple[str, str, str] | str:
        parts = [part.strip() for part in name.stem.rsplit("-", 3)]
        if len(parts) != 4 or not all(key(part) for part in parts[1:]):
            return "its name does not end in -{question}-{label}-{word}"
        folder = name.as_posix()[: -len(name.name)]
        return spaced(parts[2]), spaced(parts[3]), f"{folder}{parts[0]}-{parts[1]}-{parts[2]}"

    return Reading.by_name(image_files(path), parse)


TYPOD = Layout(
    name="typod",
    title="TypoD",
    read=read_typod,
    recognise=lambda path: False,  # any name with three hyphens would fit
    licence="none stated",
    source="https://github.com/ChaduCheng/TypoDeceptions",
    citation="Cheng et al., Unveiling Typographic Deceptions, ECCV 2024",
)
