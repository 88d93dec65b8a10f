"""Texts as a data set: a text is its own id, so ties and samples depend on nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from clipprobe.data.records import Dataset, ImageRecord, make_dataset
from clipprobe.errors import DataError
from clipprobe.lines import read_lines
from clipprobe.origin import Origin, absolute


def text_dataset(
    texts: Iterable[str] | Dataset, *, name: str = "texts", limit: int | None = None
) -> Dataset:
    """A data set of the distinct texts, in order of the texts themselves.

    Args:
        texts: Texts, or a data set whose records were made here (labels and attributes may have
            been added). Blank ones are left out, and of equal ones all but the first.
        name: What results call it.
        limit: Use at most N, sampled by the hash of the texts.
    Raises:
        DataError: a single text, something that is not a text, or no text at all.
    """
    if isinstance(texts, Dataset):
        return make_dataset(texts.name, texts.records, limit) if limit else texts
    records: dict[str, ImageRecord] = {}
    for text in list_of_texts(texts):
        words = " ".join(text.split())
        if words and words not in records:
            records[words] = ImageRecord(words, words.encode("utf-8", "backslashreplace"))
    if not records:
        raise DataError(f"{name!r} holds no text: give at least one, one per line in a file.")
    return make_dataset(name, list(records.values()), limit)


def list_of_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list.

    Raises:
        DataError: a single string, which would be read letter by letter, or something not a text.
    """
    if isinstance(texts, str):
        raise DataError(
            f"A list of texts was expected and the single text {texts!r} was given: put it in a "
            "list."
        )
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise DataError(
                f"Text {place} is a {type(text).__name__}, not a string: give texts as strings."
            )
    return listed


def read_texts(path: str | Path, *, limit: int | None = None) -> Dataset:
    """The distinct lines of a UTF-8 text file as a data set.

    Raises:
        DataError: the file cannot be read, is not UTF-8 text, or holds no text.
    """
    path = Path(path)
    lines = read_lines(path, "text", repeated=True)
    origin = Origin(opener="texts", arguments={"path": absolute(path), "limit": limit})
    return replace(text_dataset(lines, name=path.name, limit=limit), origin=origin)
