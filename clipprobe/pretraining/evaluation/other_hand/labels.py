"""A label on a thing: what hiding costs, what letters cost, and what the word itself does.

Four images differ in one box alone: none, blank, a nonsense word, a contradicting word. So what
the word does beyond the nonsense is reading, and what the blank box does is hiding.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

import numpy as np

from clipprobe.pretraining.evaluation.ability import Ability, Floats
from clipprobe.pretraining.evaluation.other_hand import images
from clipprobe.pretraining.evaluation.other_hand.asking import measured, rng_of, scores, share
from clipprobe.statistics import difference_of_paired_proportions
from clipprobe.stimuli.concepts import concepts
from clipprobe.stimuli.splits import TRAINED_STYLES

if TYPE_CHECKING:
    from clipprobe.models import Clip

PER_CONCEPT = 2
_BOX = "same picture, same box"


def labels(clip: Clip, classifier: Floats) -> list[Ability]:
    """The cost of a blank, a nonsense and a contradicting label.

    Args:
        classifier: ``(n_concepts, d)``.
    """
    names = [concept.name for concept in concepts()]
    n = PER_CONCEPT * len(names)
    samples, targets = [], np.empty(n, dtype=np.int64)
    truth = np.tile(np.arange(len(names)), PER_CONCEPT)
    for index in range(n):
        rng = rng_of(10, index)
        targets[index] = (truth[index] + int(rng.integers(1, len(names)))) % len(names)
        word = names[targets[index]]
        style = TRAINED_STYLES[int(rng.integers(2))]
        samples.append(
            images.labelled(names[truth[index]], style, word, _nonsense(word, names, rng), rng)
        )
    answers = {
        condition: scores(clip, (getattr(s, condition) for s in samples), classifier).argmax(axis=1)
        for condition in ("plain", "blank", "nonsense", "word")
    }
    right = {condition: answer == truth for condition, answer in answers.items()}

    def cost(name: str, meaning: str, more: str, less: str) -> Ability:
        estimate = difference_of_paired_proportions(right[more], right[less], seed=0)
        return measured(name, meaning, estimate)

    known = right["plain"]
    return [
        share("plain", "top-1 on pictures that are to be labelled, without a label", known),
        cost("blank_cost", f"accuracy that a blank label costs; {_BOX}", "plain", "blank"),
        cost(
            "nonsense_cost",
            f"accuracy that a label with a nonsense word of the same length costs; {_BOX}",
            "plain",
            "nonsense",
        ),
        cost(
            "word_cost",
            f"accuracy that a contradicting word costs beyond the nonsense word; {_BOX}",
            "nonsense",
            "word",
        ),
        share(
            "word_wins",
            f"pictures named right that a contradicting word turns into that word; {_BOX}",
            (answers["word"] == targets)[known],
        ),
    ]


def _nonsense(word: str, names: list[str], rng: np.random.Generator) -> str:
    """Letters in random order of the same length that are not a concept's name."""
    while True:
        text = "".join(rng.choice(list(string.ascii_lowercase), size=len(word)))
        if text not in names:
            return text
