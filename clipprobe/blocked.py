"""Slurs and sexual words, which are neither printed unasked nor written on images.

What is blocked is stored as hashes: the package is read, searched and indexed, and a readable list
of slurs helps none of its readers. A hash hides nothing from somebody who guesses the word.

The filter knows words, not meanings: it misses insults that are ordinary words, and it also takes
words that are harmless in a medical or legal text. It does not measure what is offensive.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parent / "assets" / "words" / "blocked.txt"
#: Hexadecimal digits kept of each SHA-256: 64 bits, so that no innocent word is hit by chance.
DIGITS = 16
_LONGEST = 4
_TOKEN = re.compile(r"[^\W_]+")


def is_blocked(text: str, blocked: frozenset[str] | None = None) -> bool:
    """Whether a slur or sexual word stands in the text.

    Letter case, accents' composition and plural endings do not matter; only whole words count.

    Args:
        blocked: Digests of what is blocked; None for the bundled ones.

    Example:
        >>> is_blocked("a photo of a dog")
        False
    """
    known = _blocked() if blocked is None else blocked
    tokens = _TOKEN.findall(normalised(text))
    for length in range(1, _LONGEST + 1):
        for start in range(len(tokens) - length + 1):
            phrase = " ".join(tokens[start : start + length])
            if any(digest(form) in known for form in _singulars(phrase)):
                return True
    return False


def normalised(text: str) -> str:
    """The form in which words are compared: NFKC, lower case."""
    return unicodedata.normalize("NFKC", text).casefold()


def digest(phrase: str) -> str:
    """What stands for a phrase in ``blocked.txt``."""
    return hashlib.sha256(phrase.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def _singulars(phrase: str) -> Sequence[str]:
    """The phrase, and what it is the plural of if it is one."""
    forms = [phrase]
    if phrase.endswith("ies"):
        forms.append(phrase[:-3] + "y")
    if phrase.endswith("es"):
        forms.append(phrase[:-2])
    if phrase.endswith("s"):
        forms.append(phrase[:-1])
    return forms


@cache
def _blocked() -> frozenset[str]:
    return frozenset(FILE.read_text(encoding="ascii").split())
