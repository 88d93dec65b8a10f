"""Rows that belong together: an image and an attack word, clean, attacked and under controls.

Where the audit wrote the words, the pairs are the rows of the result table. Photographs are paired
with the blank photograph of their object, which then stands once for each attacked one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.scoring.metrics import Outcomes
from clipprobe.zeroshot.classes import Classes

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """``n`` rows with an attack word that does not mean their label; all arrays ``(n,)``."""

    row: npt.NDArray[np.intp]
    """Row of the result table with the image."""
    pair: Texts
    """What the row is paired by: image and word."""
    condition: Texts
    cluster: Texts
    pixels: Texts
    label: Texts
    """Name of the true class."""
    word: Texts
    """The attack word: the class that it means, or the word itself where it means none."""

    def outcomes(self, correct: Any, hit: Any, margin: Any) -> dict[str, Outcomes]:
        """Outcomes by condition; ``margin`` is logit(word) minus logit(label)."""
        outcomes = {}
        for condition in dict.fromkeys(self.condition):
            rows = np.flatnonzero(self.condition == condition)
            outcomes[condition] = Outcomes(
                pair=self.pair[rows].astype(str),
                cluster=self.cluster[rows].astype(str),
                correct=np.asarray(correct, bool)[rows],
                hit=np.asarray(hit, bool)[rows],
                has_target=np.ones(len(rows), dtype=bool),
                margin=np.asarray(margin, float)[rows],
            )
        return outcomes


def make_pairs(data: Mapping[str, Any], classes: Classes, *, natural: bool) -> Pairs:
    """The pairs of a result table.

    Args:
        data: Columns of the table as object arrays.
    """
    meaning_of = meanings(data["word"], classes)
    own = [
        bool(word) and not classes.same(word, label)
        for word, label in zip(meaning_of, data["label"], strict=True)
    ]
    row = of = np.flatnonzero(own)
    if natural:
        twins, pair = clean_twins(data), data["image"]
        with_twin = np.array([r for r in row if data["cluster"][r] in twins], dtype=int)
        clean = np.array([twins[data["cluster"][r]] for r in with_twin], dtype=int)
        row, of = np.concatenate([row, clean]), np.concatenate([of, with_twin])
    else:
        both = zip(data["image"], data["word"], strict=True)
        pair = np.array([f"{image}\x1f{word}" for image, word in both], object)
    return Pairs(
        row=row,
        pair=pair[of],
        condition=data["condition"][row],
        cluster=data["cluster"][of],
        pixels=data["pixels"][row],
        label=data["label"][of],
        word=meaning_of[of],
    )


def clean_twins(data: Mapping[str, Any]) -> dict[str, int]:
    """The first clean row of each object."""
    rows = np.flatnonzero(data["condition"] == "clean")
    return {data["cluster"][row]: int(row) for row in rows[::-1]}


def meanings(words: Any, classes: Classes) -> Texts:
    """For each word the class that it means; else its first spelling in sorted order."""
    spelling: dict[str, str] = {}
    names: dict[str, str] = {"": ""}
    for word in sorted({str(word) for word in words if word}):
        index = classes.index(word)
        first = spelling.setdefault(classes.meaning(word), word)
        names[word] = first if index is None else classes.names[index]
    return np.array([names[word or ""] for word in words], dtype=object)
