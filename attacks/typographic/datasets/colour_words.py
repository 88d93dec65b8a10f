"""``{ink}_{word}.png``: colour words in coloured ink; ``audit_stroop`` is made for them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from attacks.typographic.datasets.files import image_files, names_of
from attacks.typographic.datasets.layout import Layout, Reading, spaced
from clipprobe.zeroshot.classes import key

_INKS = frozenset(
    "black white red green blue yellow orange purple pink gray grey brown cyan magenta".split()
)


def read_colour_words(path: Path) -> Reading:
    """Label is the ink, word is what is written; the first ``_`` parts them."""

    def parse(name: PurePosixPath) -> tuple[str, str, str] | str:
        ink, bar, word = name.stem.partition("_")
        if not bar or not key(ink) or not key(word):
            return "its name is not of the form {ink}_{word}"
        return ink.lower(), spaced(word.lower()), f"{name.parent.as_posix()}/{key(ink)}"

    return Reading.by_name(image_files(path), parse, own=True)


def _recognise(path: Path) -> bool:
    names = names_of(path)
    if not names and path.is_dir():
        names = [n for p in sorted(path.iterdir()) if p.is_dir() for n in names_of(p)]
    parts = [PurePosixPath(name).stem.lower().partition("_") for name in names]
    return bool(parts) and all(ink in _INKS and bar and word for ink, bar, word in parts)


STROOP = Layout(
    name="stroop",
    title="colour words in coloured ink",
    read=read_colour_words,
    recognise=_recognise,
    licence="not stated",
    source="https://github.com/zer0int/CLIP-fine-tune-cross-attention-read-noread",
)
