"""Attack data sets whose file names say what is shown and what is written.

* ``label=dog_text=cat.png``: RTA-100 and PAINT, photographs of objects with a written note. Both
  fields are read from the right and may hold underscores themselves (``hot_dog``), which stand for
  spaces. The ending may be in any case and is removed whole: published code cut four characters and
  made the class ``cat.`` of ``cat.jpeg``.
* ``{object}-{word}.jpg``: the photographs of hand-written attacks of Goh et al. 2021. ``blank`` is
  the object with an empty label: the clean twin of every attack on it. The published answers use
  ImageNet's names, so the aliases of the article come with the layout.
* ``{ink}_{word}.png``: colour words in coloured ink; ``audit_stroop`` is made for them.
* ``...-{question}-{label}-{typo}.jpg``: TypoD, attacks drawn for vision-language assistants.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from attacks.typographic.datasets.files import image_files, names_of
from attacks.typographic.datasets.layout import Layout, Reading, spaced
from clipprobe.data import Failure
from clipprobe.zeroshot.classes import key

_NAME = re.compile(r"label=(?P<label>.+)_text=(?P<word>.+)", re.IGNORECASE)
RTA_N, PAINT_N = 1000, 110
FOLDERS = {"in-the-wild-2": 171, "in-the-wild-3": 56}
_INKS = frozenset(
    "black white red green blue yellow orange purple pink gray grey brown cyan magenta".split()
)


def read_label_text(path: Path) -> Reading:
    """Images named ``label=X_text=Y``; pairs are all photographs of one label."""

    def parse(name: PurePosixPath) -> tuple[str, str, str] | str:
        match = _NAME.fullmatch(name.stem)
        if match is None or not key(match["label"]) or not key(match["word"]):
            return "its name is not of the form label=X_text=Y with X and Y"
        label, word = spaced(match["label"]), spaced(match["word"])
        return label, word, f"{name.parent.as_posix()}/{key(label)}"

    return Reading.by_name(image_files(path), parse)


def read_distill(path: Path) -> Reading:
    """Photographs of one folder, or of both folders below ``path``; nothing else is read."""

    def parse(name: PurePosixPath) -> tuple[str, str, str] | str:
        thing, dash, word = name.stem.rpartition("-")
        if not dash or not key(thing) or not key(word):
            return "its name is not of the form {object}-{word}"
        text = "" if word.lower() in ("blank", "none") else word
        return thing, text, f"{name.parent.as_posix()}/{key(thing)}"

    parts: list[Reading] = []
    warnings: list[str] = []
    for folder in [path / name for name in FOLDERS if (path / name).is_dir()] or [path]:
        prefix = "" if folder == path else f"{folder.name}/"
        images, others = image_files(folder)
        records = [replace(record, id=prefix + record.id) for record in images]
        skipped = [Failure(prefix + item.id, item.reason) for item in others]
        parts.append(Reading.by_name((records, skipped), parse, own=True))
        count, published = len(parts[-1].pictures), FOLDERS.get(folder.resolve().name)
        if published is not None and count != published:
            warnings.append(
                f"{folder.name} has {published} photographs as published and {count} were found."
            )
    return Reading(
        [picture for part in parts for picture in part.pictures],
        [failure for part in parts for failure in part.skipped],
        warnings,
    )


def read_colour_words(path: Path) -> Reading:
    """Label is the ink, word is what is written; the first ``_`` parts them."""

    def parse(name: PurePosixPath) -> tuple[str, str, str] | str:
        ink, bar, word = name.stem.partition("_")
        if not bar or not key(ink) or not key(word):
            return "its name is not of the form {ink}_{word}"
        return ink.lower(), spaced(word.lower()), f"{name.parent.as_posix()}/{key(ink)}"

    return Reading.by_name(image_files(path), parse, own=True)


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


def _n_label_text(path: Path) -> int:
    """Images right inside a folder, where all are named ``label=X_text=Y``; else 0."""
    names = names_of(path)
    return len(names) if all(_NAME.match(name) for name in names) else 0


def _is_distill(path: Path) -> bool:
    if not path.is_dir():
        return False
    return path.resolve().name in FOLDERS or all((path / name).is_dir() for name in FOLDERS)


def _is_colour_words(path: Path) -> bool:
    names = names_of(path)
    if not names and path.is_dir():
        names = [n for p in sorted(path.iterdir()) if p.is_dir() for n in names_of(p)]
    parts = [PurePosixPath(name).stem.lower().partition("_") for name in names]
    return bool(parts) and all(ink in _INKS and bar and word for ink, bar, word in parts)


RTA_100 = Layout.bundled("rta-100", read_label_text, lambda path: _n_label_text(path) == RTA_N)
PAINT = Layout.bundled("paint", read_label_text, lambda path: _n_label_text(path) == PAINT_N)
LABEL_TEXT = Layout.bundled(
    "label-text", read_label_text, lambda path: _n_label_text(path) not in (0, RTA_N, PAINT_N)
)
DISTILL = Layout.bundled("distill", read_distill, _is_distill)
STROOP = Layout.bundled("stroop", read_colour_words, _is_colour_words)
# Any name with three hyphens would fit.
TYPOD = Layout.bundled("typod", read_typod, lambda path: False)
