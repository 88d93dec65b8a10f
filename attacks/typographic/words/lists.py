"""Word files: one word per line, or a word for each image as in Self-Gen.

The self-generated attacks (Qraitem et al. 2024, arXiv:2402.00626) are published as lines
``image.jpg,word`` or ``image.jpg,description,word``. A file is read as one of these when every line
begins with the name of an image file and a comma; else each line is a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from clipprobe.errors import DataError
from clipprobe.lines import read_lines
from clipprobe.stimuli.text.fonts import MAX_CHARACTERS
from clipprobe.zeroshot.classes import key

_IMAGE_LINE = re.compile(r"([^,]+\.(?:jpe?g|png|webp|bmp|gif|tiff?)),(.+)", re.IGNORECASE)


def read_word_file(path: Path) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The words of a file, and the words of each image where it says so.

    Returns:
        All words in order, each once; and image -> its words, empty for a plain list.
    Raises:
        DataError: the file cannot be read, is empty, or mixes both forms.
    """
    lines = read_lines(path, "word", repeated=True)
    matches = [_IMAGE_LINE.fullmatch(line) for line in lines]
    pairs = [match for match in matches if match]
    if not pairs:
        return distinct(lines, f"word file {path}"), {}
    if len(pairs) < len(lines):
        other = next(line for line, match in zip(lines, matches, strict=True) if not match)
        raise DataError(
            f"The word file {path} gives words for {len(pairs)} images ('image.jpg,word'), but "
            f"has the line {other!r} without one: write every line in the same form."
        )
    by_image: dict[str, list[str]] = {}
    for match in pairs:
        # A description may hold commas; the word is what follows the last one.
        word = match[2].rpartition(",")[2].strip()
        own = by_image.setdefault(match[1].strip().replace("\\", "/"), [])
        if word not in own:
            own.append(word)
    every = [word for words in by_image.values() for word in words]
    words = distinct(every, f"word file {path}")
    return words, {name: tuple(by_image[name]) for name in sorted(by_image)}


def distinct(words: Sequence[str], what: str) -> tuple[str, ...]:
    """The words in order, each once.

    Raises:
        DataError: there are none, or one is not text or has no visible character.
    """
    by_key: dict[str, str] = {}
    for word in words:
        if not isinstance(word, str):
            raise DataError(f"The {what} holds {word!r}, which is not text: put it in quotes.")
        if not (len(word) > MAX_CHARACTERS or key(word)):
            raise DataError(f"The {what} holds {word!r}: every word needs a visible character.")
        if len(word) > MAX_CHARACTERS:
            raise DataError(
                f"The {what} holds {word[:20]!r}… with {len(word):,} characters, and at most "
                f"{MAX_CHARACTERS:,} can be written on an image: one word per line."
            )
        by_key.setdefault(word, word)
    if not by_key:
        raise DataError(f"The {what} is empty: give at least one word.")
    return tuple(by_key)


def words_of(by_image: Mapping[str, tuple[str, ...]], image_id: str) -> tuple[str, ...]:
    """The words of one image: by its id, else by its file name; none where it is not listed."""
    own = by_image.get(image_id)
    return by_image.get(PurePosixPath(image_id).name, ()) if own is None else own
