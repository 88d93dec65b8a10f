"""Which word is written on which picture.

Strategies: ``random`` (any other class), ``runner-up`` (the wrong class that the model ranks
highest on the clean picture), ``most-similar`` and ``least-similar`` (by the text embeddings of
the classes), or the user's own words, from which each picture gets one at random. Whatever the
strategy, the true label and everything that means the same is never an attack, and no strategy
picks a class name that the list holds twice: nobody could say which of the two was hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import numpy.typing as npt

from attacks.typographic.classes import Classes, key
from attacks.typographic.placement import rng
from clipprobe.errors import ConfigError, DataError

STRATEGIES = ("random", "runner-up", "most-similar", "least-similar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of an audit: a strategy over the classes, or a list."""

    strategy: str
    """One of :data:`STRATEGIES`, or ``list``."""
    listed: tuple[str, ...] = ()
    """The words of ``list``."""

    @property
    def needs_clean_scores(self) -> bool:
        """Whether the clean pictures must be encoded before the words are known."""
        return self.strategy == "runner-up"


def parse_words(words: str | Path | Sequence[str]) -> Words:
    """A strategy's name, a file with one word a line, or a list of words.

    Raises:
        ConfigError: the strategy is unknown.
        DataError: the file cannot be read, or holds no word.
    """
    if isinstance(words, Path):
        lines = read_list(words, "word")
        return Words(strategy="list", listed=_distinct(lines, f"word file {words}"))
    if not isinstance(words, str):
        return Words(strategy="list", listed=_distinct(list(words), "list of words"))
    name = words.replace("_", "-")
    if name in STRATEGIES:
        return Words(strategy=name)
    near = get_close_matches(name, STRATEGIES, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(
        f"The word strategy {words!r} is unknown: {hint}Use one of {', '.join(STRATEGIES)}, a list "
        "of words, or a path to a file with one word a line."
    )


def choose(
    words: Words,
    classes: Classes,
    label: int,
    *,
    image_id: str,
    seed: int,
    count: int = 1,
    scores: npt.NDArray[np.float32] | None = None,
) -> list[str]:
    """The attack words of one picture.

    Args:
        label: The class of the picture.
        count: How many words.
        scores: What ranks the classes, ``(n_classes,)``: the picture's clean logits for
            ``runner-up``, the similarity of each class's text to the label's for the similarity
            strategies, else None.
    Returns:
        Up to ``count`` words, none of which means the label; fewer where there are no more.
    """
    if words.strategy == "list":
        pool = [w for w in words.listed if not classes.same(w, classes.names[label])]
    else:
        counts = np.bincount(classes.group, minlength=len(classes.names))
        own = classes.group[label]
        pool = [
            name
            for i, name in enumerate(classes.names)
            if classes.group[i] != own and counts[classes.group[i]] == 1
        ]
    if words.strategy in ("random", "list"):
        order = rng(seed, image_id, "word").permutation(len(pool))
    else:
        if scores is None:
            raise ConfigError(f"The word strategy {words.strategy!r} needs scores of the classes.")
        sign = 1.0 if words.strategy == "least-similar" else -1.0
        position = {name: i for i, name in enumerate(classes.names)}
        order = np.argsort([sign * scores[position[name]] for name in pool], kind="stable")
    return [pool[i] for i in order[:count]]


def possible_words(words: Words, classes: Classes) -> list[str]:
    """Every word that an audit may write, the true words included, without repetition."""
    return list(dict.fromkeys([*words.listed, *classes.names]))


def _distinct(words: list[str], what: str) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for word in words:
        if not isinstance(word, str) or not key(word):
            raise DataError(f"The {what} holds {word!r}: every word needs a visible character.")
        found.setdefault(word, word)
    if not found:
        raise DataError(f"The {what} is empty: give at least one word.")
    return tuple(found)


def read_list(path: Path, what: str) -> list[str]:
    """The lines of a text file, stripped, without blank ones; repeated lines stay.

    Raises:
        DataError: the file cannot be read, or holds no line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DataError(
            f"The {what} file {path} could not be read ({reason}): give a text file with one {what}"
            " a line."
        ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"The {what} file {path} is empty: write one {what} a line.")
    return lines
