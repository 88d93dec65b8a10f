"""What a unit's score would be if the concepts of the modalities had nothing to do with each other.

The score of a unit for a concept is the smallest of its AUROCs over the modalities. Two kinds of
permutation, always done within each modality and independently of the others, give two p-values;
the larger one counts:

*Images.* The images of a modality change places freely. This is the null of a unit that cannot
tell the concept from others at all. It takes the images of a concept for independent draws.

*Concepts.* Whole concepts change places: the images of "dog" stay together and may be called
"wine" in one modality and "tree" in another. This is the null of a unit that responds to some
drawing and to some word, but not to one concept. It is needed because images of one concept are
alike (the same drawing, the same letters): a network that never learnt anything tells them apart
too, and permuting single images would call that significant.

Crossing. Because the modalities are permuted independently, any permutation of one may be combined
with any of another. From B permutations of each of M modalities that makes ``(1 + B)^M``
combinations, the observed one among them, and the share of them with a score of at least s is the
product over modalities of ``(1 + #{A_m >= s}) / (1 + B)``. Under the null the observed combination
is any of them with equal chance, so this p is valid, and it goes far below 1 / B at the cost of B.
For whole concepts all C places of a concept are enumerated, so nothing is drawn at all.

Sharing. The image null of an AUROC depends only on the number of the concept's images, the number
of all images, and the sizes of the groups of equal activations. Units without ties share one null
for each such shape; a unit with ties gets the null of its own pattern of ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.scoring.scores import Floats, Ranks, smallest

_TIE = 1e-9  # rank sums are multiples of 1/2; AUROCs that are equal may differ in the last bits


def concept_p(aurocs: Floats, score: Floats) -> Floats:
    """p of every unit and concept when whole concepts change places; exact.

    Args:
        aurocs: ``(m, c, u)``.
        score: Their minimum over modalities, ``(c, u)``.
    Returns:
        ``(c, u)``; never below ``c ** -m``.
    """
    n_modalities, n_concepts, n_units = aurocs.shape
    ordered = np.sort(aurocs, axis=1)
    p = np.ones((n_concepts, n_units))
    for unit in range(n_units):
        for modality in range(n_modalities):
            below = np.searchsorted(ordered[modality, :, unit], score[:, unit] - _TIE)
            p[:, unit] *= (n_concepts - below) / n_concepts
    return p


def image_p(ranked: Sequence[Ranks], score: Floats, *, n_permutations: int, seed: int) -> Floats:
    """p of every unit and concept when single images change places; see the module.

    Args:
        ranked: The images of each modality.
        score: ``(c, u)``.
    Returns:
        ``(c, u)``; never below ``(1 + n_permutations) ** -m``.
    """
    p = np.ones(score.shape)
    for modality, part in enumerate(ranked):
        for n_positive in np.unique(part.counts).tolist():
            rng = np.random.default_rng([seed, modality, n_positive])
            places = draw_places(part.n, n_positive, n_permutations, rng)
            rows = np.flatnonzero(part.counts == n_positive)
            p[rows] *= _tails(part, rows, places, score)
    return p


def draw_places(
    n: int, n_positive: int, n_permutations: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Places, ``(b, n_positive)``, that permuted labels give to a concept's images."""
    places = np.empty((n_permutations, n_positive), np.int64)
    step = max(1, 4_000_000 // n)
    for start in range(0, n_permutations, step):
        keys = rng.random((min(step, n_permutations - start), n))
        rows = np.argpartition(keys, n_positive - 1, axis=1)[:, :n_positive]
        places[start : start + len(rows)] = rows
    return places


def _tails(part: Ranks, rows: NDArray[np.intp], places: NDArray[np.int64], score: Floats) -> Floats:
    """``(1 + #{null >= score}) / (1 + b)`` of the concepts ``rows``, ``(len(rows), u)``."""
    n_positive = places.shape[1]
    # As rank sums, in which ties are exact.
    target = score[rows] * n_positive * (part.n - n_positive) + n_positive * (n_positive + 1) / 2
    target = np.ceil(2 * target - 1e-6) / 2
    counts = np.empty(target.shape)
    free = ~part.tied
    if free.any():
        null = np.sort((places + 1).sum(axis=1))
        counts[:, free] = len(null) - np.searchsorted(null, target[:, free])
    known: dict[bytes, Floats] = {}
    for unit in np.flatnonzero(part.tied).tolist():
        pattern = np.sort(part.ranks[:, unit])
        key = pattern.tobytes()
        if key not in known:
            if len(known) > 64:  # patterns seldom repeat, and a null is only a sort away
                known.clear()
            known[key] = np.sort(pattern[places].sum(axis=1))
        counts[:, unit] = len(known[key]) - np.searchsorted(known[key], target[:, unit])
    result: Floats = (1 + counts) / (1 + len(places))
    return result


@dataclass(slots=True)
class JointNull:
    """Whole concepts permuted jointly for all units: what the best of many reaches by chance.

    Every permutation is the same for all units, so whatever the units share stays shared.

    Attributes:
        orders: Permutations, ``(b, m, c)``.
        edges: Of the histograms, ``(101,)``.
        pairs: Count of unit-concept pairs per bin over all permutations, ``(100,)``; whole numbers,
            so that tiles of any size add up to the same.
        best_unit: Largest score over units for each permutation and concept, ``(b, c)``.
        units: Count of units per bin of their best concept's score, likewise.
    """

    orders: NDArray[np.int64]
    edges: Floats
    pairs: Floats
    best_unit: Floats
    units: Floats

    @property
    def null(self) -> Floats:
        """Mean count of unit-concept pairs per bin over the permutations, ``(100,)``."""
        return self.pairs / len(self.orders)

    @property
    def best_concept(self) -> Floats:
        """Mean count of units per bin of their best concept's score, ``(100,)``."""
        return self.units / len(self.orders)

    @classmethod
    def empty(cls, n_modalities: int, n_concepts: int, *, n: int, seed: int) -> JointNull:
        """No unit seen yet."""
        rng = np.random.default_rng([seed, 1])
        orders = [[rng.permutation(n_concepts) for _ in range(n_modalities)] for _ in range(n)]
        return cls(
            orders=np.array(orders, np.int64),
            edges=np.linspace(0, 1, 101),
            pairs=np.zeros(100),
            best_unit=np.full((n, n_concepts), -np.inf),
            units=np.zeros(100),
        )

    def update(self, aurocs: Floats) -> None:
        """Take in the units of a tile, ``(m, c, u)``."""
        for number, order in enumerate(self.orders):
            score = smallest(aurocs, order)
            self.pairs += self.count(score)
            self.units += self.count(score.max(axis=0))
            self.best_unit[number] = np.maximum(self.best_unit[number], score.max(axis=1))

    def count(self, score: Floats) -> Floats:
        """Scores per bin; 1 belongs to the last."""
        place = np.minimum((score.ravel() * 100 + _TIE).astype(np.int64), 99)
        return np.bincount(place, minlength=100).astype(np.float64)

    def best_unit_p(self, best: Floats) -> Floats:
        """Chance that the best unit of a concept reaches ``best``, ``(c,)``, by permutation."""
        null = np.sort(self.best_unit.ravel())
        reached = len(null) - np.searchsorted(null, best - _TIE)
        result: Floats = (1 + reached) / (1 + len(null))
        return result
