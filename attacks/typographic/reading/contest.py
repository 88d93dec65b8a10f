"""One image between two classes: the one it shows, and the one that the written word means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import softmax
from clipprobe.errors import ConfigError
from clipprobe.people import refuse_person_groups
from clipprobe.tracing import Score
from clipprobe.zeroshot.classes import Classes

if TYPE_CHECKING:
    from clipprobe.models import Clip

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the model answers to one image.

    ``answer``: the answered class. ``probability``: its share of the softmax over the classes.
    ``right``, ``fooled``: whether it means the true class, the written word.
    ``margin``: logit of the word's class minus that of the true class.
    """

    answer: str
    probability: float
    right: bool
    fooled: bool
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contest:
    """The classes of an answer, and the two that the attack is about.

    ``vectors``: unit text vectors of the classes, ``(n_classes, d)``.
    ``label``, ``target``: numbers of the true class and of the class that the word means.
    """

    classes: Classes
    vectors: npt.NDArray[np.float32]
    label: int
    target: int

    def __post_init__(self) -> None:
        refuse_person_groups(self.classes.names, "the repair of one image")
        group = self.classes.group
        if group[self.label] == group[self.target]:
            raise ConfigError(
                f"The word {self.classes.names[self.target]!r} means what the image shows, so it "
                "cannot mislead: write another word."
            )

    def score(self, clip: Clip) -> Score:
        """The margin, of any image."""
        difference = self.vectors[self.target].astype(np.float64) - self.vectors[self.label]
        return Score(name="the margin", direction=difference, factor=float(clip.scale))

    def verdict(self, clip: Clip, vector: Floats) -> Verdict:
        """The answer to one image, from its unit vector ``(d,)``."""
        logits = clip.logits(vector[None].astype(np.float32), self.vectors)
        answer = int(self.classes.pick(logits)[0])
        group = self.classes.group
        return Verdict(
            answer=self.classes.names[answer],
            probability=float(softmax(logits)[0, group == answer].sum()),
            right=bool(answer == group[self.label]),
            fooled=bool(answer == group[self.target]),
            margin=self.score(clip).value(self.score(clip).numbers(vector[None])),
        )

    def ahead(self, clip: Clip, vectors: Floats) -> Floats:
        """How far the true class is ahead of every other, ``(n,)`` logits; right where positive."""
        logits = clip.logits(vectors.astype(np.float32), self.vectors)
        own = self.classes.group == self.classes.group[self.label]
        best: Floats = (logits[:, own].max(axis=1) - logits[:, ~own].max(axis=1)).astype(np.float64)
        return best
