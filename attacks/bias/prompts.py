"""Words that stand in sentences.

The choice of words and templates decides a good part of any bias figure, so both are written out
in the report and belong to the run's configuration.
"""

from __future__ import annotations

from collections.abc import Sequence

from clipprobe.errors import ConfigError


def check_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words, stripped.

    Raises:
        ConfigError: there is none, one is empty, or one stands there twice.
    """
    cleaned = tuple(word.strip() for word in words)
    if not cleaned or not all(cleaned):
        raise ConfigError("The word list is empty or holds an empty word: give one word per line.")
    twice = sorted({word for word in cleaned if cleaned.count(word) > 1})
    if twice:
        raise ConfigError(f"The word list holds {twice[0]!r} twice: keep one of them.")
    return cleaned
