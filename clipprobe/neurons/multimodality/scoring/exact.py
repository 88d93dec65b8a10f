"""Is a unit's best concept one concept by coincidence? Exact p per unit, its selection included.

The statistic ``T`` is the unit's largest score over all concepts, on all images. Under the null the
concepts of one modality have nothing to do with those of another, so the sets of concepts that
reach ``T`` in each modality are random subsets of the C concepts with the sizes seen. The p-value
is the chance that these subsets have a concept in common. For three modalities of sizes a, b, d
(Vandermonde; the overlap of two random subsets is hypergeometric):

    p = sum over j of Hyp(j; C, a, b) (1 - binom(C - j, d) / binom(C, d))

Nothing is sampled, no image has to be held out for the choice of the concept, and p goes down to
``C ** (1 - m)`` for m modalities. Its null is that *all* modalities are independent, so a picture
and a drawing that look alike help to reject it, whatever the words do.

*Each modality given the others* is the stricter question. Let one modality's concepts change places
while the others stay as they are: with j concepts that reach ``T`` in all the others and d in this
one, the chance that the two sets meet is ``1 - binom(C - j, d) / binom(C, d)``. The largest of
these over the modalities is valid wherever any one of them has nothing to do with the rest, however
alike the others are (the intersection-union test of Berger 1982,
doi:10.1080/00401706.1982.10487790). Limit: whatever one modality can say of one concept is 1 / C at
best, so no p is below that, and a few units with one sharp concept each cannot pass among many;
that a unit ranks all concepts alike is the question of ``profile``, and is not limited so.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.scoring.scores import Floats, smallest

_TIE = 1e-9  # AUROCs that are equal may differ in the last bits
_ROWS = 2048  # at a time, ordered by the smallest size, so that most are short sums


def exact_p(aurocs: Floats) -> Floats:
    """p of every unit, ``(u,)``; NaN where an AUROC is undefined.

    Args:
        aurocs: On all images, ``(m, c, u)``.
    """
    p: Floats = _p(aurocs, reduce(np.minimum, aurocs).max(axis=0)[None])[0]
    return p


def each_p(aurocs: Floats) -> Floats:
    """p of every unit, ``(u,)``, each modality given the others; NaN where an AUROC is undefined.

    Args:
        aurocs: On all images, ``(m, c, u)``.
    """
    n_concepts = aurocs.shape[1]
    best = reduce(np.minimum, aurocs).max(axis=0)
    reaches = aurocs >= best - _TIE
    in_all = reaches.all(axis=0).sum(axis=0)
    largest = np.zeros(aurocs.shape[-1])
    for number, own in enumerate(reaches):
        others = np.delete(reaches, number, axis=0).all(axis=0).sum(axis=0)
        sizes = own.sum(axis=0)
        apart = _log_binomial(n_concepts - others, sizes) - _log_binomial(n_concepts, sizes)
        largest = np.maximum(largest, -np.expm1(apart))
    p: Floats = np.where(np.isfinite(best) & (in_all > 0), largest, np.nan)
    return p


def shuffled_each_p(aurocs: Floats, orders: NDArray[np.int64]) -> Floats:
    """The same under each order of the concepts, ``(b, u)``; see ``shuffles.draw_orders``.

    Args:
        orders: ``(b, m, c)``.
    """
    every = np.arange(len(aurocs))[:, None]
    return np.array([each_p(aurocs[every, order]) for order in orders])


def best_concept(aurocs: Floats) -> NDArray[np.int64]:
    """The concept that the test speaks of, ``(u,)``; 0 where nothing is defined."""
    best: NDArray[np.int64] = np.nan_to_num(aurocs.min(axis=0), nan=-1.0).argmax(axis=0)
    return best


def shuffled_exact_p(aurocs: Floats, orders: NDArray[np.int64]) -> Floats:
    """The same under each order of the concepts, ``(b, u)``; see ``shuffles.draw_orders``.

    Args:
        orders: ``(b, m, c)``.
    """
    return _p(aurocs, np.array([smallest(aurocs, order).max(axis=0) for order in orders]))


def coincidence(sizes: NDArray[np.int64], n_concepts: int) -> Floats:
    """Chance that random subsets of the concepts have a member in common.

    Args:
        sizes: Sizes of the subsets of each modality, ``(n, m)``.
    Returns:
        ``(n,)``.
    """
    sizes = np.sort(sizes, axis=1)  # the order does not matter, and small overlaps are quick
    largest = int(sizes[:, 0].max(initial=0))
    overlaps = np.arange(largest + 1)
    chance = (overlaps == sizes[:, :1]).astype(np.float64)  # of an overlap of j so far, (n, j)
    for added in sizes.T[1:-1]:
        chance = sum(
            (
                chance[:, [j]] * _hypergeometric(overlaps, n_concepts, j, added[:, None])
                for j in range(largest + 1)
            ),
            np.zeros_like(chance),
        )
    last = sizes[:, -1:]
    apart = _log_binomial(n_concepts - overlaps, last) - _log_binomial(n_concepts, last)
    p: Floats = (chance * -np.expm1(apart)).sum(axis=1)
    return p.clip(0, 1)


def _p(aurocs: Floats, best: Floats) -> Floats:
    """p of every unit for some values of the statistic, ``(b, u)``."""
    sizes = np.stack([(aurocs >= one - _TIE).sum(axis=1).T for one in best])  # (b, u, m)
    p = np.full(best.shape, np.nan)
    known = np.isfinite(best)
    if known.any():  # the same sizes come again and again
        distinct, place = np.unique(np.sort(sizes[known]), axis=0, return_inverse=True)
        pieces = [
            coincidence(distinct[start : start + _ROWS], aurocs.shape[1])
            for start in range(0, len(distinct), _ROWS)
        ]
        p[known] = np.concatenate(pieces)[place.ravel()]
    return p


def _hypergeometric(
    overlap: NDArray[np.int64], n_concepts: int, first: int, second: NDArray[np.int64]
) -> Floats:
    logs = (
        _log_binomial(np.int64(first), overlap)
        + _log_binomial(n_concepts - first, second - overlap)
        - _log_binomial(n_concepts, second)
    )
    return np.exp(logs)


def _log_binomial(
    n: int | NDArray[np.int64] | np.int64, k: NDArray[np.int64] | Sequence[int]
) -> Floats:
    """``log binom(n, k)``; minus infinity where k is not between 0 and n."""
    n, k = np.broadcast_arrays(np.asarray(n), np.asarray(k))
    inside = (k >= 0) & (k <= n)
    i, j = np.where(inside, n, 0), np.where(inside, k, 0)
    logs = _log_factorials(int(i.max(initial=0)))
    result: Floats = np.where(inside, logs[i] - logs[j] - logs[i - j], -np.inf)
    return result


@lru_cache(maxsize=8)
def _log_factorials(largest: int) -> Floats:
    from scipy.special import gammaln

    logs: Floats = gammaln(np.arange(largest + 1) + 1.0)
    return logs
