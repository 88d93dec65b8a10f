"""What a classifier got right: top-1, top-5, mean per class, confusions.

Top-1 and top-5 count images (Wilson's interval). The mean per class, which the CLIP paper gives for
unbalanced sets, averages the recalls of the classes that have images, and its interval resamples
classes: they are a sample too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Ints
from clipprobe.statistics import Estimate, cluster_bootstrap, wilson

Floats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accuracy:
    """Of ``n`` labelled images among ``k`` classes."""

    top_1: Estimate
    """Share whose best class is the label."""
    top_5: Estimate
    """Share whose label is among the best five; with five classes or fewer it is 1 by itself."""
    mean_per_class: Estimate
    """Mean recall over the classes with images."""
    recalls: tuple[Estimate, ...]
    """Of each class, ``(k,)``; undefined without images."""
    confusion: Ints
    """Images of the row's class that were given the column's, ``(k, k)``."""

    def confused(self, most: int = 10) -> list[tuple[int, int, int]]:
        """The most frequent mistakes: true class, answer, images."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [divmod(int(place), len(wrong)) for place in order]
        return [(a, b, int(wrong[a, b])) for a, b in pairs if wrong[a, b]]


def measure(logits: Floats, labels: Ints, *, seed: int = 0) -> Accuracy:
    """Every measure of one matrix of logits.

    Args:
        logits: ``(n, k)``; ties go to the earlier class.
        labels: ``(n,)``.
    """
    n, k = logits.shape
    answers = logits.argmax(axis=1)
    confusion = np.zeros((k, k), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    totals = confusion.sum(axis=1)
    right = np.diag(confusion)
    known = totals > 0
    return Accuracy(
        top_1=wilson(int(right.sum()), n),
        top_5=wilson(int((ranks(logits, labels) < 5).sum()), n),
        mean_per_class=cluster_bootstrap(right[known] / totals[known], seed=seed),
        recalls=tuple(wilson(int(a), int(b)) for a, b in zip(right, totals, strict=True)),
        confusion=confusion,
    )


def ranks(logits: Floats, labels: Ints) -> Ints:
    """Classes before the label in each row, ``(n,)``; of equal logits the earlier class leads."""
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1])[None] < labels[:, None]
    ahead = (logits > own) | ((logits == own) & earlier)
    ranks_of_truth: Ints = ahead.sum(axis=1)
    return ranks_of_truth
