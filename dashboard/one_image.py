"""One image among the user's classes: scores, what prompts and a rival do to them, and abstention.

Computed without widgets. One image has no interval: what is given as a range is the spread over
the prompts, the least and the largest with one prompt alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from clipprobe.arrays import softmax
from clipprobe.errors import DataError
from clipprobe.models import Clip
from clipprobe.models.prefixed import encode_groups
from clipprobe.statistics import Estimate
from clipprobe.stimuli import Picture, Scene, concepts, render, unseen_concepts
from clipprobe.zeroshot.classes import key as spelling
from clipprobe.zeroshot.prompts import fill
from clipprobe.zeroshot.scores.conformal import abstention, threshold
from clipprobe.zeroshot.text_bank import averaged, ruled
from dashboard.state import BY_CONTENT, of_classes

ALPHA = 0.05
Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """One image among ``k`` classes, with all prompts together and with each of ``t`` alone."""

    names: tuple[str, ...]
    cosines: Numbers
    """``(k,)``, prompts together."""
    logits: Numbers
    """``(k,)``, prompts together."""
    alone: Numbers
    """Cosines with one prompt alone, ``(t, k)``."""
    logits_alone: Numbers
    """Logits with one prompt alone, ``(t, k)``."""

    @property
    def shares(self) -> Numbers:
        """Softmax over the classes, ``(k,)``."""
        values: Numbers = softmax(self.logits[None])[0]
        return values

    @property
    def shares_alone(self) -> Numbers:
        """Softmax over the classes with one prompt alone, ``(t, k)``."""
        values: Numbers = softmax(self.logits_alone)
        return values

    def to_json(self) -> dict[str, Any]:
        """Every class with its numbers."""
        columns = {"class": self.names, "cosine": self.cosines, "logit": self.logits}
        columns["share"] = self.shares
        alone = {"cosine": self.alone.tolist(), "logit": self.logits_alone.tolist()}
        return {
            "answer": self.names[self.best],
            "classes": [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ],
            "with one prompt alone": alone,
        }

    @property
    def best(self) -> int:
        """The number of the answer."""
        return int(self.logits.argmax())

    @property
    def agreeing(self) -> int:
        """Prompts that alone give the same answer."""
        return int((self.logits_alone.argmax(axis=1) == self.best).sum())

    def margin(self) -> tuple[float, float, float]:
        """Logit of the answer less the best other one: together, and the ends over the prompts."""
        others = np.arange(len(self.names)) != self.best
        alone = self.logits_alone[:, self.best] - self.logits_alone[:, others].max(axis=1)
        together = self.logits[self.best] - self.logits[others].max()
        return float(together), float(alone.min()), float(alone.max())


def answers(
    clip: Clip,
    vector: Floats,
    names: Sequence[str],
    templates: tuple[str, ...],
    progress: Callable[[int], None] = lambda left: None,
) -> Answers:
    """Score one image.

    Args:
        vector: Of the image, ``(d,)``, of unit length.
        progress: Called with the number of classes that are still to be encoded.
    """
    table = _sentences(clip, names, templates, progress)
    classes = [ruled(clip, names, averaged(table))]
    classes += [ruled(clip, names, table[:, i]) for i in range(len(templates))]
    logits = np.stack([clip.logits(vector[None], one)[0] for one in classes]).astype(np.float64)
    cosines = np.stack([one @ vector for one in classes]).astype(np.float64)
    return Answers(
        names=tuple(names),
        cosines=cosines[0],
        logits=logits[0],
        alone=cosines[1:],
        logits_alone=logits[1:],
    )


def class_table(clip: Clip, names: Sequence[str], templates: tuple[str, ...]) -> Floats:
    """Unit vectors of the classes, ``(k, d)``, prompts together."""
    vectors: Floats = ruled(
        clip, names, averaged(_sentences(clip, names, templates, lambda left: None))
    )
    return vectors


def _sentences(
    clip: Clip, names: Sequence[str], templates: tuple[str, ...], progress: Callable[[int], None]
) -> Floats:
    """Unit vectors of every sentence, ``(k, t, d)``; only classes that are new are encoded."""

    def encode(classes: Sequence[str]) -> Floats:
        filled = [fill(templates, name) for name in classes]
        return np.stack(encode_groups(clip, list(zip(*filled, strict=True))), axis=1)

    return of_classes(_known(clip, templates), names, encode, progress)


@st.cache_resource(show_spinner=False, max_entries=8, hash_funcs=BY_CONTENT)
def _known(clip: Clip, templates: tuple[str, ...]) -> dict[str, Floats]:
    """Sentence vectors ``(t, d)`` of the classes that were asked for so far, the oldest first."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The cosine that the best class must exceed to be answered, and what that does."""

    threshold: float
    n: int
    """Unknown things that it was calibrated on."""
    source: str
    unknown_answered: Estimate | None = None
    """Share of other unknown things that are answered; None with too few to be cut in halves."""
    known_answered: Estimate | None = None
    """Share of things of the classes that are answered; None without images of them."""


def calibrate(
    vectors: Floats, unknown: Floats, source: str, known: Floats | None = None
) -> Calibration:
    """Split conformal abstention at 0.05, on the best cosine.

    Args:
        vectors: Of the classes, ``(k, d)``.
        unknown: Of images that show none of them, ``(m, d)``, each another thing.
        known: Of images that show one of them.
    Raises:
        DataError: there are fewer than 19 unknown images.
    """
    scores = (unknown @ vectors.T).max(axis=1).astype(np.float64)
    things = [str(i) for i in range(len(scores))]
    cut = threshold(scores, ALPHA, things=len(things))
    if len(things) < 2 * 19:
        return Calibration(threshold=cut, n=len(things), source=source)
    of_known = np.zeros(0) if known is None else (known @ vectors.T).max(axis=1)
    found = abstention(scores, things, of_known, alpha=ALPHA)
    return Calibration(
        threshold=found.threshold,
        n=found.n_things,
        source=source,
        unknown_answered=found.unknown_answered,
        known_answered=found.known_answered if len(of_known) else None,
    )


def bundled_things(clip: Clip, classes: Sequence[str]) -> tuple[Floats, Floats]:
    """Vectors of an image of each bundled thing that shares no word with a class, and of the
    bundled things that are classes."""
    names, vectors = _things(clip)
    used = {word for name in classes for word in name.lower().split()}
    own = {spelling(name) for name in classes}
    unknown = np.array([used.isdisjoint(name.lower().split()) for name in names])
    known = np.array([spelling(name) in own for name in names])
    return vectors[unknown], vectors[known]


@st.cache_data(
    show_spinner="Encoding images of other things (once)…", max_entries=4, hash_funcs=BY_CONTENT
)
def _things(clip: Clip) -> tuple[list[str], Floats]:
    """One image of every bundled thing, also of those that the bundled model never saw."""
    names = [one.name for one in (*concepts(), *unseen_concepts())]
    size = max(16, clip.image_size)
    scenes = (Scene(items=(Picture(concept=name),), size_px=size) for name in names)
    vectors: Floats = clip.encode_images([render(scene).image for scene in scenes])
    return names, vectors


def new_rival(rival: str, names: Sequence[str]) -> str:
    """A class to be added.

    Raises:
        DataError: it is one already.
    """
    if spelling(rival) in {spelling(name) for name in names}:
        raise DataError(f"{rival!r} is one of the {len(names)} classes already: name another one.")
    return rival.strip()
