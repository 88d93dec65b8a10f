"""Retrieval skew: who is shown when somebody searches for a text?

Images are ranked by their cosine with the text. For a group ``a`` with target share ``p_a``

    Skew_a@k = ln( share of a among the top k / p_a )        (Geyik et al. 2019, LinkedIn)
    MaxSkew@k, MinSkew@k = largest, smallest Skew_a@k
    NDKL = (1/Z) sum_i KL(shares of top i || p) / log2(i + 1),   Z = sum_i 1 / log2(i + 1)

Two targets, always named: ``dataset`` (the group's share among the images audited) and
``uniform`` (one over the number of groups). Under ``uniform`` an unbalanced data set is "skewed"
before any model looks at it, which is why every figure stands beside its null floor.

Ties are exact: images tied at the k-th place count with the share of the places that are left,
which is the expectation over all orders of the tied. A group without any image in the top k
counts as one image (the published convention, else the skew is minus infinity).
k must not exceed half of the images: at k = N every skew is 0, however biased the ranking.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from attacks.bias.resampling import Copies, Floats, Ints, Labels
from clipprobe.errors import ConfigError

TARGETS = ("dataset", "uniform")
MIN_K = 10


def resolve_k(k: int | None, n: int) -> int:
    """The k that is used for ``n`` ranked images: the given one, or a tenth of them.

    Raises:
        ConfigError: k is below 1 or above ``n / 2``.
    """
    if k is None:
        return min(max(MIN_K, n // 10), 1000, n // 2)
    if not 1 <= k <= n // 2:
        raise ConfigError(
            f"Skew@{k} was asked of {n} images: choose k from 1 to {n // 2}, half of them, because "
            "near k = N every skew is 0 however biased the ranking is."
        )
    return k


def top_weights(scores: Floats, k: float) -> Floats:
    """How much of each image stands in the top ``k``: ``(n,)`` -> ``(n,)``, summing to k.

    Example:
        >>> top_weights(np.array([0.9, 0.5, 0.5, 0.1]), 2).tolist()
        [1.0, 0.5, 0.5, 0.0]
    """
    order = np.argsort(-scores, kind="stable")
    result = np.empty(len(scores))
    result[order] = _taken(np.ones((1, len(scores))), np.array([[k]]), scores[order])[0]
    return result


def top_counts(
    scores: Floats, k: float, labels: Ints, n_groups: int, weights: Iterable[Copies]
) -> Floats:
    """Images of each group in the top k under copies of the images (bootstrap draws).

    Args:
        scores: Cosines with one text, ``(n,)``.
        k: Places out of ``n``; each draw takes the same share of its own total.
        weights: Chunks ``(b, n)`` of copies.
    Returns:
        ``(n_boot, n_groups)``, tied images counted with the share of the places left.
    """
    n = len(scores)
    order = np.argsort(-scores, kind="stable")
    ranked, one_hot = scores[order], np.eye(n_groups)[labels[order]]
    counts = []
    for copies in weights:
        chunk = copies.astype(np.float64)
        places = chunk.sum(axis=1, keepdims=True) * (k / n)
        # A draw's top k lies almost surely within the first 3 k ranks: look no further if so.
        depth = min(n, int(3 * k) + 64)
        depth = int(np.searchsorted(-ranked, -ranked[depth - 1], side="right"))
        if (chunk[:, order[:depth]].sum(axis=1) < places[:, 0]).any():
            depth = n
        taken = _taken(chunk[:, order[:depth]], places, ranked[:depth])
        counts.append(taken @ one_hot[:depth])
    return np.concatenate(counts)


def _taken(copies: Floats, places: Floats, ranked: Floats) -> Floats:
    """What of each ranked image's copies fits into the places: ``(b, n)``, best image first."""
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])  # one block per tied score
    tied = len(starts) < len(ranked)
    in_block = np.add.reduceat(copies, starts, axis=1) if tied else copies
    before = np.cumsum(in_block, axis=1) - in_block
    taken: Floats = np.clip(places - before, 0, in_block)
    if not tied:
        return taken
    share = np.divide(taken, in_block, out=np.zeros_like(taken), where=in_block > 0)
    result: Floats = copies * np.repeat(share, np.diff(np.r_[starts, len(ranked)]), axis=1)
    return result


def permuted_counts(
    membership: Floats, labels: Iterable[Labels], n_groups: int
) -> tuple[Floats, Floats]:
    """Counts under permuted labels: top-k memberships ``(n, m)`` of ``m`` texts ->
    counts in the top k ``(n_permutations, m, n_groups)`` and group sizes ``(n_permutations,
    n_groups)``."""
    counts, sizes = [], []
    for chunk in labels:
        inside = [(chunk == g).astype(np.float64) for g in range(n_groups)]
        counts.append(np.stack([one @ membership for one in inside], axis=-1))
        sizes.append(np.stack([one.sum(axis=1) for one in inside], axis=-1))
    return np.concatenate(counts), np.concatenate(sizes)


def target_shares(sizes: Floats, target: str) -> Floats:
    """Target share of each group, ``(..., n_groups)``, from the group sizes."""
    if target == "uniform":
        return np.full(sizes.shape, 1 / sizes.shape[-1])
    result: Floats = sizes / sizes.sum(axis=-1, keepdims=True)
    return result


def skews(counts: Floats, shares: Floats) -> Floats:
    """Skew of every group, ``(..., n_groups)``; a count below one image is taken as one.

    Example:
        >>> skews(np.array([10.0, 0.0]), np.array([0.5, 0.5])).round(3).tolist()
        [0.693, -1.609]
    """
    k = counts.sum(axis=-1, keepdims=True)
    result: Floats = np.log(np.maximum(counts, 1.0) / k / shares)
    return result


def ndkl(ranked: Floats, shares: Floats) -> Floats:
    """Normalised discounted KL divergence of rankings from the target shares.

    Args:
        ranked: Group membership by rank, best first, ``(..., n, n_groups)``: one-hot rows, or the
            shares of a tied block.
        shares: Target shares, ``(..., n_groups)``, all above 0.
    Returns:
        ``(...,)``, 0 for a ranking that shows the target at every depth.

    Example:
        >>> round(float(ndkl(np.eye(2), np.array([0.5, 0.5]))), 4)  # one place of ln 2, then 0
        0.425
    """
    n = ranked.shape[-2]
    discount = 1 / np.log2(np.arange(2, n + 2))
    seen = np.cumsum(ranked, axis=-2) / np.arange(1, n + 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(seen > 0, seen * np.log(seen / shares[..., None, :]), 0.0)
    result: Floats = (terms.sum(axis=-1) * discount).sum(axis=-1) / discount.sum()
    return result


def ranked_membership(scores: Floats, labels: Ints | Labels, n_groups: int) -> Floats:
    """Group membership by rank, best first; a tied block shows its own shares throughout.

    Args:
        scores: Cosines with one text, ``(n,)``. labels: ``(n,)``, or permuted ones ``(b, n)``.
    Returns:
        ``(n, n_groups)`` or ``(b, n, n_groups)``.
    """
    order = np.argsort(-scores, kind="stable")
    one_hot = np.eye(n_groups)[labels[..., order]]
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    if len(starts) == len(ranked):
        return one_hot
    sizes = np.diff(np.r_[starts, len(scores)])
    shares = np.add.reduceat(one_hot, starts, axis=-2) / sizes[:, None]
    result: Floats = np.repeat(shares, sizes, axis=-2)
    return result
