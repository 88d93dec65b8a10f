"""What ranks the words of a strategy: text similarity, the clean image, units of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from attacks.typographic.scoring.rows import Scored
from attacks.typographic.task import Task
from attacks.typographic.words.strategies import Words, vocabulary
from clipprobe.errors import ConfigError
from clipprobe.zeroshot import build_classifier
from clipprobe.zeroshot.classes import Classes

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordScores:
    """What the strategies over a list, over images and over units need beside the classifier."""

    texts: Floats | None = None
    """Unit text vectors of the vocabulary, ``(n_words, d)``: in the templates, for
    ``image-similar`` bare. None where the classifier's rows are the vocabulary's."""
    shifts: npt.NDArray[np.float64] | None = None
    """Predicted change of each class's logit by each word, ``(n_words, n_classes)``."""

    def of(
        self, task: Task, label: int, classifier: Floats, clean: Scored | None
    ) -> npt.NDArray[Any] | None:
        """Scores of the vocabulary for one image, ``(n_words,)``; None where none are needed.

        Raises:
            ConfigError: they were not prepared.
        """
        words, rows = task.words, classifier if self.texts is None else self.texts
        if words.strategy in ("most-similar", "least-similar"):
            similarity: npt.NDArray[Any] = rows @ classifier[label]
            return similarity
        if words.strategy in ("neuron", "head"):
            shifts = self.shifts
            return None if shifts is None else unit_scores(shifts, words, task.classes, label)
        if not words.needs_clean_scores or clean is None:
            return None
        if words.strategy == "runner-up" and self.texts is None:
            return clean.logits
        if self.texts is None or clean.vector is None:
            raise ConfigError(
                f"The word strategy {words.strategy!r} needs the vectors of its words: use "
                "audit_typographic, which prepares them."
            )
        scores: npt.NDArray[Any] = self.texts @ clean.vector
        return scores


def word_texts(task: Task, classifier: Floats) -> Floats | None:
    """The text vectors that a strategy needs beside the classifier's, each text encoded once."""
    clip, words = task.clip, task.words
    names = vocabulary(words, task.classes)
    if words.strategy == "image-similar":
        return clip.encode_texts(names)
    if not words.listed or words.strategy not in ("runner-up", "most-similar", "least-similar"):
        return None
    known = {name: row for name, row in zip(task.classes.names, classifier, strict=True)}
    others = [name for name in names if name not in known]
    if others:
        vectors = build_classifier(cast("Any", clip), others, task.templates)
        known |= dict(zip(others, vectors, strict=True))
    return np.stack([known[name] for name in names])


def unit_scores(
    shifts: npt.NDArray[np.float64], words: Words, classes: Classes, label: int
) -> npt.NDArray[np.float64]:
    """How far each word should move the answer from the label, ``(n_words,)``.

    To the word's own class where it has one, else to whichever other class it helps most.
    """
    margins = shifts - shifts[:, [label]]
    wrong = classes.group != classes.group[label]
    scores = np.empty(len(shifts))
    for i, name in enumerate(vocabulary(words, classes)):
        own = classes.index(name)
        scores[i] = margins[i, wrong].max() if own is None else margins[i, own]
    return scores
