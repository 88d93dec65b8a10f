"""The colour of letters: without a word to read, and against a colour word (Stroop 1935)."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.pretraining.evaluation.ability import Ability
from clipprobe.pretraining.evaluation.other_hand import images
from clipprobe.pretraining.evaluation.other_hand.asking import rng_of, scores, share
from clipprobe.pretraining.evaluation.other_hand.images import INKS
from clipprobe.zeroshot import build_classifier

if TYPE_CHECKING:
    from clipprobe.models import Clip

N_CARDS = 224
#: How ink is asked for.
TEMPLATES = ("{} letters", "letters in {}", "text written in {}", "{} text")


def inks(clip: Clip) -> list[Ability]:
    """Ink named on letters that are no word, and on colour words in other inks."""
    names = tuple(INKS)
    classifier = build_classifier(clip, names, TEMPLATES)
    ink = np.arange(N_CARDS) % len(names)
    word = np.empty(N_CARDS, dtype=np.int64)
    letters, cards = [], []
    for index in range(N_CARDS):
        rng = rng_of(30, index)
        text = "".join(rng.choice(list(string.ascii_lowercase), size=int(rng.integers(3, 7))))
        letters.append(images.inked(text, names[ink[index]], rng))
        word[index] = (ink[index] + int(rng.integers(1, len(names)))) % len(names)
        cards.append(images.inked(names[word[index]], names[ink[index]], rng))
    without = scores(clip, letters, classifier).argmax(axis=1)
    against = scores(clip, cards, classifier).argmax(axis=1)
    chance = f"among {len(names)} (chance 1/{len(names)})"
    return [
        share("inks", f"ink of random letters on grey paper, named {chance}", without == ink),
        share(
            "ink_against_word",
            f"colour words in another ink, asked for the ink: the ink is named {chance}",
            against == ink,
        ),
        share(
            "word_against_ink",
            "the same cards and question: the word is named instead",
            against == word,
        ),
    ]
