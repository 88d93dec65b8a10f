"""Kinds of values that several records hold: existing files, texts, lines of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from clipprobe.lines import read_lines

Texts = Annotated[Sequence[str], AfterValidator(tuple)]
"""Several texts; a list is taken, a tuple is kept, so that records can be compared and hashed."""


def _there(path: Path | str | None) -> Path | str | None:
    if path is not None and not Path(path).exists():
        raise ValueError(f"{str(path)!r} does not exist: give the path of a file.")
    return path


def _checked(texts: Sequence[str]) -> Sequence[str]:
    if not all(text.strip() for text in texts):
        raise ValueError("is empty: give a text with at least one word.")
    return texts


Spoken = AfterValidator(_checked)
"""``Annotated[Texts, Spoken]``: no text is empty."""

Existing = AfterValidator(_there)
"""``Annotated[Path, Existing]``: a path that is there when the record is made."""


def several(value: Any) -> Any:
    """One text or path as a list of it; for ``BeforeValidator``."""
    return [value] if isinstance(value, str | Path) else value


def listed(value: Any) -> Any:
    """An array, a series, a set or a generator as a list; for ``BeforeValidator``.

    A text, a path, a mapping, and what is not a collection stay as they are. A set is sorted.
    """
    if isinstance(value, str | Path | Mapping | Sequence) or not isinstance(value, Iterable):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if not hasattr(value, "tolist"):
        return list(value)
    items = value.tolist()  # numpy's texts as Python's; of an array without axes no list
    return items if isinstance(items, list) else [items]


def lines_if_path(what: str, *, repeated: bool = False) -> Callable[[Any], Any]:
    """A reader for ``BeforeValidator``: the lines of a file where a path is given.

    Args:
        what: What one line is, for messages: ``class``.
        repeated: Whether a line may stand twice.
    """

    def read(value: Any) -> Any:
        if not isinstance(value, str | Path):
            return value
        return read_lines(Path(value), what, repeated=repeated)

    return read
