"""The text side of the game: expected differences of the text vector by each word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipprobe.arrays import Floats
from clipprobe.attribution.coalitions import Coalitions, coalitions, first_order
from clipprobe.attribution.words import Masking, Words, encode_words, masking_of, words_of

if TYPE_CHECKING:
    from clipprobe.models import Clip

BUDGET = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordSlopes:
    """One text under random sets of its words."""

    words: Words
    """The text's words."""
    sets: Coalitions
    """The sets that were encoded."""
    vectors: Floats
    """``(m, d)`` unit vectors of them."""
    mean: Floats
    """``E[v]``, ``(d,)``."""
    slopes: Floats
    """``E[D_j v]``, ``(n_words, d)``."""
    masking: Masking
    """``attention`` or ``delete``."""


def word_slopes(
    clip: Clip,
    text: str,
    *,
    p: float = 0.5,
    budget: int = BUDGET,
    seed: int = 0,
    masking: str | None = None,
) -> WordSlopes:
    """Encode a text under all sets of its words, or a sample of them beyond the budget."""
    how = masking_of(clip, masking)
    words = words_of(clip, text)
    sets = coalitions(len(words), budget, p=p, seed=seed)
    vectors = encode_words(clip, words, sets.members, masking=how)
    mean, slopes = first_order(sets, vectors)
    return WordSlopes(
        words=words, sets=sets, vectors=vectors, mean=mean, slopes=slopes, masking=how
    )
