"""How well a unit tells one concept from the others, within one modality.

All measures compare images of a concept with the images of the other concepts *of the same
modality*, so a unit that responds to black ink on white, and therefore to every word, scores
nothing. ``n`` images, ``u`` units, ``c`` concepts throughout.

* AUROC: chance that an image of the concept excites the unit more than a distractor; ties half.
* d': difference of the two means over the root of the mean of the two variances.
* Purity: share of the unit's k strongest images that show the concept, k at most the number of
  the concept's images, so that 1 can be reached. Ties at the k-th place count by their share.
* Response: mean over the concept minus mean over the distractors, in standard deviations of all
  images of the modality.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """The images of one modality in the order of each unit.

    Attributes:
        ranks: Average ranks from 1, ``(n, u)``.
        codes: Concept of each image, ``(n,)``, 0 to ``n_concepts - 1``.
        counts: Images of each concept, ``(c,)``.
        tied: Whether any two images excite the unit equally, ``(u,)``.
    """

    ranks: Floats
    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    tied: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.codes)


def rank(values: NDArray[np.float32], codes: NDArray[np.int64], n_concepts: int) -> Ranks:
    """Rank the images once for each unit; every AUROC and every permutation comes from it."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    n = len(codes)
    # Ties lower the sum of squares of the ranks; halves and their squares are exact in float64.
    full = n * (n + 1) * (2 * n + 1) / 6
    tied = np.einsum("nu,nu->u", ranks, ranks) != full
    return Ranks(
        ranks=ranks, codes=codes, counts=np.bincount(codes, minlength=n_concepts), tied=tied
    )


def aurocs_by_concept(ranked: Ranks) -> Floats:
    """AUROC of every concept, ``(c, u)``, from the rank sums (Mann and Whitney 1947)."""
    positive = ranked.counts[:, None].astype(np.float64)
    negative = ranked.n - positive
    u = by_concept(ranked.ranks, ranked.codes, len(ranked.counts)) - positive * (positive + 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = u / (positive * negative)
    return result


def by_concept(values: NDArray[np.floating], codes: NDArray[np.int64], n_concepts: int) -> Floats:
    """Sums of the rows of each concept, ``(c, u)``, always added in the same order."""
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((n_concepts, values.shape[1]))
    sums[present] = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
    return sums


def smallest(aurocs: Floats, order: NDArray[np.int64]) -> Floats:
    """Smallest over modalities, ``(c, u)``, with the concepts of each in an order, ``(m, c)``."""
    parts = (part[concepts] for part, concepts in zip(aurocs, order, strict=True))
    return reduce(np.minimum, parts)


def concept_means(values: NDArray[np.float32], codes: NDArray[np.int64], n_concepts: int) -> Floats:
    """Mean activation of each unit on the images of each concept, ``(c, u)``.

    Args:
        values: ``(n, u)``, of one modality.
        codes: Concept of each image, ``(n,)``.
    """
    counts = np.bincount(codes, minlength=n_concepts)
    means: Floats = by_concept(values, codes, n_concepts) / counts[:, None]
    return means


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How strongly the units respond to each concept; each ``(c, u)``.

    Attributes:
        dprime: NaN where neither images of the concept nor distractors vary.
        response: NaN for a unit that is the same on every image.
        purity: 0 to 1.
    """

    dprime: Floats
    response: Floats
    purity: Floats


def strength(
    values: NDArray[np.float32], codes: NDArray[np.int64], n_concepts: int, top_k: int
) -> Strength:
    """d', standardised response and purity of every concept."""
    n = len(codes)
    counts = np.bincount(codes, minlength=n_concepts)[:, None].astype(np.float64)
    # Centred first: a variance from raw squares would cancel where the mean is large.
    centred = values - values.mean(axis=0, dtype=np.float64)
    sums, squares = (by_concept(part, codes, n_concepts) for part in (centred, centred**2))
    rest, n_rest = sums.sum(axis=0) - sums, n - counts
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = _variance(sums, squares, counts)
        outside = _variance(rest, squares.sum(axis=0) - squares, n_rest)
        gap = sums / counts - rest / n_rest
        spread = np.sqrt((inside + outside) / 2)
        deviation = centred.std(axis=0)
        dprime = np.where(spread > 0, gap / spread, np.nan)
        response = np.where(deviation > 0, gap / deviation, np.nan)
    return Strength(
        dprime=dprime, response=response, purity=_purity(values, codes, counts[:, 0], top_k)
    )


def balance(responses: Floats) -> Floats:
    """Weakest over strongest modality: ``(m, c, u)`` responses to ``(c, u)``, 0 to 1.

    1 where the unit responds to the concept equally in every modality; 0 where it responds to it
    in one and not at all, or negatively, in another; NaN where no modality has a positive
    response.
    """
    weakest, strongest = responses.min(axis=0), responses.max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.where(strongest > 0, np.maximum(weakest, 0) / strongest, np.nan)
    return result


def _variance(sums: Floats, squares: Floats, counts: Floats) -> Floats:
    # Below one part in 10^12 of the mean square it is rounding, not spread.
    variance = squares - sums**2 / counts
    variance[variance < 1e-12 * np.maximum(squares, 1e-300)] = 0
    result: Floats = np.where(counts > 1, variance / (counts - 1), np.nan)
    return result


def _purity(
    values: NDArray[np.float32], codes: NDArray[np.int64], counts: Floats, top_k: int
) -> Floats:
    purity = np.full((len(counts), values.shape[1]), np.nan)
    depths = np.minimum(counts, top_k).astype(np.int64)
    for k in np.unique(depths[depths > 0]).tolist():
        edge = -np.partition(-values, k - 1, axis=0)[k - 1]
        above, level = values > edge, values == edge
        share = (k - above.sum(axis=0)) / level.sum(axis=0)
        hits = by_concept(above + level * share, codes, len(counts)) / k
        purity[depths == k] = hits[depths == k]
    return purity
