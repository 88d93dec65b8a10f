"""What stands out in an audit: the words that work, the worst cases, and what to be careful of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clipprobe.statistics import Estimate, wilson
from clipprobe.zeroshot.classes import Classes

WORST_CASES = 12
LISTED_WORDS = 30
#: Words with fewer images are not listed: their rates would be noise sorted by size.
LEAST_PER_WORD = 5


def by_word(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Success of each word that stands on enough images, the most successful first."""
    attacked = np.flatnonzero(data["condition"] == "attack")
    rows_of: dict[str, list[int]] = {}
    for row in attacked:
        if data["hit"][row] is not None:
            rows_of.setdefault(data["word"][row], []).append(int(row))
    listed = [
        {
            "word": word,
            "target": data["target"][rows[0]],
            "success": wilson(int(sum(data["hit"][rows])), len(rows)),
        }
        for word, rows in rows_of.items()
        if len(rows) >= LEAST_PER_WORD
    ]
    listed.sort(key=lambda item: (-item["success"].value, item["word"]))
    return listed[:LISTED_WORDS]


def worst(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The surest wrong answers: right when clean, the word under attack; by p(target)."""
    right_when_clean = {
        data["image"][row] if data["word"][row] else data["cluster"][row]
        for row in np.flatnonzero((data["condition"] == "clean") & data["correct"].astype(bool))
    }
    rows = [
        int(row)
        for row in np.flatnonzero(data["condition"] == "attack")
        if data["hit"][row]
        and (data["image"][row] in right_when_clean or data["cluster"][row] in right_when_clean)
    ]
    rows.sort(key=lambda row: (-data["p_target"][row], data["image"][row], data["word"][row]))
    names = ("image", "label", "word", "target", "predicted", "p_target", "p_label")
    return [{name: data[name][row] for name in names} for row in rows[:WORST_CASES]]


def warnings(data: Mapping[str, Any], classes: Classes, accuracy: Estimate) -> list[str]:
    """What a reader must know before using the numbers, as sentences.

    Args:
        accuracy: Of the clean images.
    """
    texts = []
    _, counts = np.unique(data["label"].astype(str), return_counts=True)
    # The better of two ways to know nothing: a random class, or always the commonest label.
    guess = max(1 / len(set(classes.group.tolist())), counts.max() / counts.sum())
    if not accuracy.defined:
        texts.append(
            "No image is there without a word, so nothing is known about what the model answers "
            "without attack: only numbers over all attacked images can be given."
        )
    elif not accuracy.low > guess:
        texts.append(
            f"Without any text the model is right in {accuracy.value:.0%} of the images, "
            f"interval from {accuracy.low:.0%} (guessing gives {guess:.0%}): it cannot be shown to "
            "know these classes, so accuracy under attack and success say little here."
        )
    if duplicates := classes.duplicates():
        texts.append(
            f"{len(duplicates)} class name(s) mean the same as an earlier one "
            f"({', '.join(sorted(set(duplicates))[:5])}): answers of either count for both, and no "
            "strategy uses them as attack words."
        )
    attacked = data["condition"] == "attack"
    no_class = attacked & np.array([target is None for target in data["target"]], dtype=bool)
    homeless = sorted({str(word) for word in data["word"][no_class]})
    if homeless:
        texts.append(
            f"{len(homeless)} attack word(s) mean none of the classes "
            f"({', '.join(homeless[:5])}): they count for accuracy and untargeted success only."
        )
    return texts
