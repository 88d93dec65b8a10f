"""``label=dog_text=cat.png``: RTA-100 and PAINT, photographs of objects with a written note.

Both fields are read from the right and may hold underscores themselves (``hot_dog``), which stand
for spaces. The ending may be in any case and is removed whole: published code cut four characters
and made the class ``cat.`` of ``cat.jpeg``.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from attacks.typographic.datasets.files import image_files, names_of
from attacks.typographic.datasets.layout import Layout, Reading, spaced
from clipprobe.zeroshot.classes import key

_NAME = re.compile(r"label=(?P<label>.+)_text=(?P<word>.+)", re.IGNORECASE)
RTA_N, PAINT_N = 1000, 110


def read_label_text(path: Path) -> Reading:
    """Images named ``label=X_text=Y``; pairs are all photographs of one label."""

    def parse(name: PurePosixPath) -> tuple[str, str, str] | str:
        match = _NAME.fullmatch(name.stem)
        if match is None or not key(match["label"]) or not key(match["word"]):
            return "its name is not of the form label=X_text=Y with X and Y"
        label, word = spaced(match["label"]), spaced(match["word"])
        return label, word, f"{name.parent.as_posix()}/{key(label)}"

    return Reading.by_name(image_files(path), parse)


def _count(path: Path) -> int:
    names = names_of(path)
    return len(names) if names and all(_NAME.match(name) for name in names) else 0


RTA_100 = Layout(
    name="rta-100",
    title="RTA-100",
    read=read_label_text,
    recognise=lambda path: _count(path) == RTA_N,
    expected=(RTA_N,),
    licence="MIT (of the repository; the photographs' own terms are not stated)",
    source="https://github.com/azuma164/Defense-Prefix",
    citation="Azuma and Matsui, Defense-Prefix for Preventing Typographic Attacks on CLIP, "
    "ICCV Workshops 2023",
)
PAINT = Layout(
    name="paint",
    title="the PAINT typographic attack photographs",
    read=read_label_text,
    recognise=lambda path: _count(path) == PAINT_N,
    expected=(PAINT_N,),
    licence="MIT (of the repository; the photographs' own terms are not stated)",
    source="https://github.com/mlfoundations/patching",
    citation="Ilharco et al., Patching open-vocabulary models by interpolating weights, "
    "NeurIPS 2022",
)
LABEL_TEXT = Layout(
    name="label-text",
    title="images named label=X_text=Y",
    read=read_label_text,
    recognise=lambda path: _count(path) not in (0, RTA_N, PAINT_N),
)
