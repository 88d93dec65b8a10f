"""A text whose words are coloured by what each adds; a click tells which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from dashboard.elements.parts import element

_words = element("words")


def coloured_words(
    words: Sequence[str], values: NDArray[Any], *, unit: str, key: str
) -> int | None:
    """Show the words in order, above zero orange, below zero blue.

    Returns:
        The number of the word that was just chosen, else None.
    """
    data = {
        "words": list(words),
        "values": [float(f"{value:.5g}") for value in values],
        "unit": unit,
    }
    result: Any = _words(key=key, data=data, on_word_change=lambda: None)
    word: int | None = result.word
    return word
