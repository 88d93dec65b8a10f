"""Texts that say nothing about an image: letter strings, pseudo-words, scrambled and other words.

Which nonsense is used decides what a score looks like beside it, so the kinds are kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

KINDS = ("letters", "pseudo-words", "scrambled", "words")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ONSETS = "b br c cl d dr f fl g gr h j k l m n p pl r s sk sl st t tr v w z".split()
_VOWELS = "a e i o u ai ea oo".split()
_CODAS = ["", "b", "ck", "d", "g", "l", "m", "n", "nd", "p", "r", "rk", "s", "st", "t", "x"]


def null_words(
    n: int, *, known: Sequence[str], others: Sequence[str], seed: int = 0
) -> Mapping[str, tuple[str, ...]]:
    """Up to ``n`` distinct words of each kind.

    Args:
        known: Words that a null word may not be; those with four letters or more are scrambled.
        others: Words that say something else; those that share a word with ``known`` are left out.
    """
    known_words = {word for text in known for word in text.lower().split()}
    long = sorted(word for word in known_words if len(set(word)) >= 4 and word.isalpha())
    ordinary = [text for text in others if known_words.isdisjoint(text.lower().split())]
    rng = np.random.default_rng([seed, 23])
    makers: dict[str, Callable[[], str]] = {
        "letters": lambda: "".join(rng.choice(list(_LETTERS), rng.integers(4, 9))),
        "pseudo-words": lambda: "".join(
            str(rng.choice(part)) for _ in range(2) for part in (_ONSETS, _VOWELS, _CODAS)
        ),
    }
    if long:
        makers["scrambled"] = lambda: _shuffled(long[int(rng.integers(len(long)))], rng)
    words_by_kind: dict[str, tuple[str, ...]] = {}
    for kind, make in makers.items():
        words: dict[str, None] = {}
        for _ in range(20 * n):  # few long words have few orders
            word = make()
            if word not in known_words:
                words[word] = None
            if len(words) == n:
                break
        words_by_kind[kind] = tuple(words)
    if ordinary:
        picks = rng.permutation(len(ordinary))[:n]
        words_by_kind["words"] = tuple(ordinary[i] for i in picks)
    return words_by_kind


def _shuffled(word: str, rng: np.random.Generator) -> str:
    return "".join(word[i] for i in rng.permutation(len(word)))
