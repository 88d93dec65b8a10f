"""Word lists that ship with clipprobe, each with its source, licence and caveat; and the user's.

The choice of words and templates decides a good part of any bias figure, so both are written out
in the report and belong to the run's configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from clipprobe.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class WordList:
    """``words`` of a ``source``, under a ``licence``; ``caveat``: how they can mislead."""

    title: str
    words: tuple[str, ...]
    source: str
    licence: str
    caveat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPair:
    """Two sets of words that are opposed.

    ``name``: ``"<first> against <second>"``, in words. ``about``: ``people`` (asked of images of
    groups), ``things`` (a control) or ``terms`` (words that stand for groups).
    ``source``, ``licence``, ``caveat``: whose words, and how they can mislead.
    """

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    source: str
    licence: str
    caveat: str
    about: str

    @property
    def words(self) -> tuple[str, ...]:
        """Both sets, the first one first."""
        return self.first + self.second


@dataclass(frozen=True, slots=True, kw_only=True)
class WordTest:
    """One published test over words alone: ``targets`` against ``attributes``."""

    name: str
    targets: WordPair
    attributes: WordPair


@cache
def concepts() -> WordList:
    """The 29 concepts of Berg et al. (2022)."""
    loaded = read_yaml("words/concepts.yaml")
    return WordList(**(loaded | {"words": tuple(loaded["words"])}))


@cache
def word_pairs() -> tuple[WordPair, ...]:
    """Every pair of word sets, in the order of the file."""
    return tuple(
        WordPair(**(pair | {"first": tuple(pair["first"]), "second": tuple(pair["second"])}))
        for pair in read_yaml("words/pairs.yaml")["pairs"]
    )


@cache
def word_tests() -> tuple[WordTest, ...]:
    """The published tests whose words name no person."""
    pairs = {pair.name: pair for pair in word_pairs()}
    return tuple(
        WordTest(
            name=test["name"],
            targets=pairs[test["targets"]],
            attributes=pairs[test["attributes"]],
        )
        for test in read_yaml("words/pairs.yaml")["tests"]
    )


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


def read_yaml(name: str) -> dict[str, Any]:
    """A file of the data that ship with the bias report."""
    import yaml

    file = resources.files("clipprobe") / "assets" / "bias" / name
    loaded: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return loaded
