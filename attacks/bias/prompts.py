"""Words and the sentences they stand in.

The choice of words and templates decides a good part of any bias figure, so both are written out
in the report and belong to the run's configuration.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError

_PLACE = re.compile(r"\b([Aa]) \{\}")
# Spelling is not sound: the usual exceptions, by how the word starts.
_SOUNDS_CONSONANT = ("uni", "use", "usu", "util", "eu", "ewe", "one", "once")
_SOUNDS_VOWEL = ("honest", "honour", "honor", "hour", "heir")


def article(word: str) -> str:
    """``a`` or ``an`` before a word.

    Example:
        >>> [article(word) for word in ("doctor", "artist", "university lecturer", "heir")]
        ['a', 'an', 'a', 'an']
    """
    start = word.strip().lower()
    if start.startswith(_SOUNDS_VOWEL):
        return "an"
    return "an" if start[:1] in "aeiou" and not start.startswith(_SOUNDS_CONSONANT) else "a"


def fill(template: str, word: str) -> str:
    """Put a word into a template's ``{}``; an ``a`` before it becomes ``an`` where it must.

    Example:
        >>> fill("a photo of a {}", "artist")
        'a photo of an artist'
    """
    if article(word) == "an":
        template = _PLACE.sub(r"\1n {}", template)
    return template.replace("{}", word)


def check_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words, stripped.

    Raises:
        ConfigError: there is none, one is empty, or one stands there twice.
    """
    cleaned = tuple(word.strip() for word in words)
    if not cleaned or not all(cleaned):
        raise ConfigError("The word list is empty or holds an empty word: give one word a line.")
    twice = sorted({word for word in cleaned if cleaned.count(word) > 1})
    if twice:
        raise ConfigError(f"The word list holds {twice[0]!r} twice: keep one of them.")
    return cleaned


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """The templates.

    Raises:
        ConfigError: there is none, or one does not hold exactly one ``{}``.
    """
    if isinstance(templates, str) or not templates:
        raise ConfigError("Templates are a list of sentences with {} for the word, at least one.")
    for template in templates:
        if template.count("{}") != 1:
            raise ConfigError(
                f"The template {template!r} needs exactly one {{}}, the place of the word."
            )
    return tuple(templates)


def ensemble(embeddings: NDArray[np.floating[Any]], n_words: int) -> NDArray[np.float64]:
    """Mean over templates, back to unit length: ``(n_words * n_templates, d)`` -> ``(n_words, d)``.

    Rows come word by word: all templates of the first word, then of the second.
    """
    table = embeddings.astype(np.float64).reshape(n_words, -1, embeddings.shape[1])
    mean = table.mean(axis=1)
    result: NDArray[np.float64] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return result
