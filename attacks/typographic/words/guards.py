"""What is never written: the truth, a part of it, an ambiguous name, a forbidden word.

A word *overlaps* a label when the words of one are all words of the other: ``cardigan`` on a
Cardigan Welsh Corgi, ``tiger shark`` on a tiger. It then names the truth, or contains it, and
success and failure could not be told apart. A name *collides* when it is in the list twice
(``missile`` in OpenAI's list of ImageNet), or when a word names several classes in part (``crane``:
a bird and a machine): whom it hits is unclear.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from clipprobe.blocked import is_blocked
from clipprobe.errors import DataError
from clipprobe.zeroshot.classes import Classes, key


def overlaps(classes: Classes, word: str, label: str) -> bool:
    """Whether a word means the label, is a part of its name, or contains it."""
    return overlapping(classes, label)(word)


def overlapping(classes: Classes, label: str) -> Callable[[str], bool]:
    """:func:`overlaps` with one label, for many words."""
    meaning, parts = classes.meaning(label), _parts(label)

    def overlap(word: str) -> bool:
        if classes.meaning(word) == meaning:
            return True
        own = _parts(word)
        return bool(own and parts) and (own <= parts or parts <= own)

    return overlap


def collisions(classes: Classes, words: Iterable[str] | None = None) -> list[str]:
    """Sentences on names that do not say which class is meant; sorted.

    Args:
        words: The attack words; None for the class names themselves.
    """
    counts = np.bincount(classes.group, minlength=len(classes.names))
    clashes = {
        f"The class name {name!r} is in the list {counts[classes.group[i]]} times, or has a "
        "synonym in it: no strategy writes it, and answers of either count for both."
        for i, name in enumerate(classes.names)
        if counts[classes.group[i]] > 1
    }
    for word in words or ():
        parts = _parts(word)
        names = [n for n in classes.names if parts and parts <= _parts(n)]
        groups = {classes.index(name) for name in names}
        if classes.index(word) is None and len(groups) > 1:
            clashes.add(
                f"The word {word!r} is a part of several class names ({', '.join(names[:3])}): it "
                "names none of them alone, and counts as untargeted."
            )
        elif len(groups) > 1 and len(_parts(word)) == 1:
            others = [name for name in names if not classes.same(name, word)]
            clashes.add(
                f"The word {word!r} is also a part of {', '.join(others[:3])}: it is not written "
                "on images of these."
            )
    return sorted(clashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What may not be written, whatever the strategy.

    ``forbidden``: words that may never be written, attack or control.
    ``allowed``: words that are let through although the built-in filter knows them as slurs or
    sexual words.
    """

    forbidden: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    def forbids(self, word: str) -> bool:
        """Whether a word holds a forbidden one, as a whole word or as a phrase."""
        if not self.forbidden:
            return False
        text = f" {' '.join(_tokens(word))} "
        return any(
            key(word) == key(other) or (_tokens(other) and f" {' '.join(_tokens(other))} " in text)
            for other in self.forbidden
        )

    def check_listed(self, words: Sequence[str]) -> None:
        """Refuse a user's list that holds what may not be written.

        Raises:
            DataError: names the words.
        """
        if named := [word for word in words if self.forbids(word)]:
            raise DataError(
                f"{len(named)} attack word(s) are forbidden ({_some(named)}): take them out of the "
                "words, or out of the forbidden list."
            )
        allowed = {key(word) for word in self.allowed}
        if named := [w for w in words if is_blocked(w) and key(w) not in allowed]:
            raise DataError(
                f"{len(named)} attack word(s) are known as slurs or sexual words ({_some(named)}): "
                "take them out, or name each as allowed if they are meant."
            )

    def check_labels(self, labels: Sequence[str]) -> None:
        """Refuse labels that the control with the true word would write.

        Raises:
            DataError: names them.
        """
        if words := sorted({label for label in labels if self.forbids(label)}):
            raise DataError(
                f"The forbidden list holds {_some(words)}, which are labels of images, and one "
                "control writes the label: take them out of the list, or leave these images out."
            )


def check_some_word(words: Sequence[str], classes: Classes, labels: Iterable[str]) -> None:
    """Refuse a fixed list of which no word can be written on any image.

    Raises:
        DataError: every word means, or is a part of, the label of every image.
    """
    for label in dict.fromkeys(labels):
        if any(not overlaps(classes, word, label) for word in words):
            return
    raise DataError(
        f"No image could be attacked (every attack word, {_some(words)}, means its true label): "
        "give other words."
    )


@lru_cache(maxsize=65536)
def _parts(name: str) -> frozenset[str]:
    return frozenset(_singular(token) for token in _tokens(name))


def _singular(token: str) -> str:
    """Without a plural's ending, by rule: trees are a tree, berries a berry, glass stays."""
    if len(token) > 4 and token.endswith("ies"):
        return token[:-3] + "y"
    return token[:-1] if len(token) > 3 and token.endswith("s") and token[-2] not in "su" else token


@lru_cache(maxsize=65536)
def _tokens(name: str) -> tuple[str, ...]:
    folded = unicodedata.normalize("NFKC", name).casefold()
    return tuple("".join(c if c.isalnum() else " " for c in folded).split())


def _some(words: Sequence[str]) -> str:
    listing = ", ".join(repr(word) for word in words[:5])
    return listing + (f" and {len(words) - 5} more" if len(words) > 5 else "")
