"""One encoding, three lists of candidates: the pair, the union, the full class list.

Papers score the same images among two candidates (label and attack word), among all labels and
attack words of the data, or among all classes; their numbers are not comparable. Here all three
come from the same vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.rendering.render import Encoder, Floats
from attacks.typographic.rendering.stored import VectorStore
from attacks.typographic.scoring.metrics import Outcomes, condition_rates, effects, rate
from attacks.typographic.scoring.pairs import Pairs
from clipprobe.runs import Run
from clipprobe.statistics import Estimate, undefined
from clipprobe.zeroshot.classes import Classes

RULES = {
    "pairwise": "the true class and the attack word only; a tie is neither",
    "union": "the sorted union of labels and attack words of this audit; of equals the earlier",
    "full": "the class list; of equals the earlier class",
}
NUMBERS = (
    "clean_accuracy",
    "attacked_accuracy",
    "targeted_success",
    "untargeted_success",
    "reading_effect",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Logits of the pairs, and answers among the union."""

    label: npt.NDArray[np.float64]
    """Logit of the true class, ``(n_pairs,)``."""
    word: npt.NDArray[np.float64]
    """Logit of the attack word, class or not, ``(n_pairs,)``."""
    union: tuple[str, ...]
    """The candidates of the union, sorted."""
    answer: npt.NDArray[np.object_]
    """The answer among them, ``(n_pairs,)``."""


def other_words(pairs: Pairs, classes: Classes) -> list[str]:
    """The attack words that mean no class, sorted: they need vectors of their own."""
    return sorted({str(word) for word in pairs.word if classes.index(word) is None})


def union_names(pairs: Pairs) -> tuple[str, ...]:
    """The sorted union of the labels and the attack words."""
    return tuple(sorted({str(name) for name in (*pairs.label, *pairs.word)}))


def score_pairs(
    run: Run, pairs: Pairs, classes: Classes, clip: Encoder, classifier: Floats, others: Floats
) -> Scores:
    """Score the stored vectors of the pairs.

    Args:
        classifier: Vectors of the classes, ``(n_classes, d)``.
        others: Vectors of :func:`other_words`, in their order.
    """
    union, n = union_names(pairs), len(classes.names)
    extra = {word: n + i for i, word in enumerate(other_words(pairs, classes))}

    def column(name: str) -> int:
        index = extra.get(name)
        return int(classes.index(name) or 0) if index is None else index

    columns = np.array([column(name) for name in union], int)
    label = np.array([column(name) for name in pairs.label], int)
    word = np.array([column(name) for name in pairs.word], int)
    size = len(pairs.pair)
    pair_values = [np.full(size, np.nan), np.full(size, np.nan)]
    answer = np.full(size, None, dtype=object)
    names = np.array(union, dtype=object)
    texts = np.concatenate([classifier, others])
    for rows, places, vectors in VectorStore(run, pairs.pixels):
        logits = clip.logits(vectors, texts)
        # A class with several names has the best of them.
        table = np.concatenate([classes.grouped(logits[:, :n]), logits[:, n:]], axis=1)
        pair_values[0][rows] = table[places, label[rows]]
        pair_values[1][rows] = table[places, word[rows]]
        answer[rows] = names[table[:, columns].argmax(axis=1)][places]
    return Scores(label=pair_values[0], word=pair_values[1], union=union, answer=answer)


def candidate_sets(
    pairs: Pairs,
    scores: Scores,
    full: Mapping[str, Estimate],
    *,
    n_classes: int,
    seed: int,
) -> dict[str, Any]:
    """Accuracy, success and reading effect among each list of candidates.

    Args:
        full: The headline, which is that of the full list.
    """
    gap = scores.word - scores.label
    pairwise = pairs.outcomes(gap < 0, gap > 0, gap)
    union = pairs.outcomes(scores.answer == pairs.label, scores.answer == pairs.word, gap)
    return {
        "pairwise": _numbers("pairwise", pairwise, 2, seed, per_word=True),
        "union": _numbers("union", union, len(scores.union), seed),
        "full": {
            "rule": RULES["full"],
            "n_candidates": n_classes,
            **{name: full[name] for name in NUMBERS},
        },
    }


def _numbers(
    name: str, outcomes: Mapping[str, Outcomes], n: int, seed: int, *, per_word: bool = False
) -> dict[str, Any]:
    attack, clean = outcomes.get("attack"), outcomes.get("clean")
    numbers: dict[str, Any] = {"rule": RULES[name], "n_candidates": n}
    no_attack = undefined("no image carries an attack word other than its label")
    no_clean = undefined("there is no clean image to compare with")
    rates = condition_rates(attack, clean, seed=seed) if attack else None
    reading = effects(outcomes, seed=seed).get("reading_effect")
    numbers["clean_accuracy"] = _clean(clean, per_word, seed) if clean else no_clean
    numbers["attacked_accuracy"] = rates["accuracy"]["all"] if rates else no_attack
    for measure in ("targeted_success", "untargeted_success"):
        numbers[measure] = rates[measure]["clean_right"] if rates else no_attack
    numbers["reading_effect"] = (
        reading["estimate"] if reading else undefined("there is no nonsense-word control")
    )
    return numbers


def _clean(clean: Outcomes, per_word: bool, seed: int) -> Estimate:
    rows = np.arange(len(clean.pair))
    if not per_word:  # the answer does not depend on the word: each image counts once
        rows = np.unique(clean.cluster, return_index=True)[1]
    return rate(clean.correct[rows], clean.cluster[rows], seed=seed)


def lines(sets: Mapping[str, Mapping[str, Any]]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """The sets in reading order, also after JSON has sorted their names."""
    return [(name, sets[name]) for name in RULES if name in sets]
