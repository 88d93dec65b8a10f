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
    taken = {word for text in known for word in text.lower().split()}
    long = sorted(word for word in taken if len(set(word)) >= 4 and word.isalpha())
    ordinary = [text for text in others if taken.isdisjoint(text.lower().split())]
    rng = np.random.default_rng([seed, 23])
    makers: dict[str, Callable[[], str]] = {
        "letters": lambda: "".join(rng.choice(list(_LETTERS), rng.integers(4, 9))),
        "pseudo-words": lambda: "".join(
            str(rng.choice(part)) for _ in range(2) for part in (_ONSETS, _VOWELS, _CODAS)
        ),
    }
    if long:
        makers["scrambled"] = lambda: _shuffled(long[int(rng.integers(len(long)))], rng)
    found: dict[str, tuple[str, ...]] = {}
    for kind, make in makers.items():
        words: dict[str, None] = {}
        for _ in range(20 * n):  # few long words have few orders
            word = make()
            if word not in taken:
                words[word] = None
            if len(words) == n:
                break
        found[kind] = tuple(words)
    if ordinary:
        chosen = rng.permutation(len(ordinary))[:n]
        found["words"] = tuple(ordinary[i] for i in chosen)
    return found


def _shuffled(word: str, rng: np.random.Generator) -> str:
    return "".join(word[i] for i in rng.permutation(len(word)))
