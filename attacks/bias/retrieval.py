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

from attacks.bias.group_sums import permuted_sums
from attacks.bias.resampling import Copies, Floats, Ints, Labels
from clipprobe.errors import ConfigError

TARGETS = ("dataset", "uniform")
MIN_K = 10


def resolve_k(k: int | None, n: int) -> int:
    """The k that is used for ``n`` ranked images: the given one, or a tenth of them.

    Raises:
        ConfigError: k is below 10 or above ``n / 2``.
    """
    if k is None:
        return min(max(MIN_K, n // 10), 1000, n // 2)
    if not MIN_K <= k <= n // 2:
        raise ConfigError(
            f"Skew@{k} was asked of {n} images: choose k from {MIN_K} (fewer tell of single ones) "
            f"to {n // 2}, half of them, because near k = N every skew is 0 however biased the "
            "ranking is."
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
    """Images of each group in the top k of every text under copies of the images.

    Args:
        scores: Cosines, ``(n, m)``.
        k: Places out of ``n``; each draw takes the same share of its own total.
        weights: Chunks ``(b, n)`` of copies (bootstrap draws).
    Returns:
        ``(n_boot, m, n_groups)``, tied images counted with the share of the places left.
    """
    n = len(scores)
    rankings = [_Ranking(column, labels, n_groups, k) for column in scores.T]
    # What stands well before rank k is in almost every draw's top k: it is counted for all texts
    # in one matrix product, and only the ranks around k are gone through text by text.
    near = int(6 * np.sqrt(k)) + 32
    before = np.zeros((n, len(rankings)), dtype=np.float32)  # whole numbers under 2^24: exact
    for j, ranking in enumerate(rankings):
        before[ranking.order[: ranking.band(near)[0]], j] = 1
    members = [np.flatnonzero(labels == g) for g in range(n_groups)]
    counts = []
    for copies in weights:
        chunk = copies.astype(np.float32)
        places = chunk.sum(axis=1, dtype=np.float64) * (k / n)
        sure = np.stack([chunk[:, own] @ before[own] for own in members], axis=-1)
        found = [
            ranking.counts(copies, places, sure[:, j].astype(np.float64), near)
            for j, ranking in enumerate(rankings)
        ]
        counts.append(np.stack(found, axis=1))
    return np.concatenate(counts)


class _Ranking:
    """The images by their cosine with one text, and which of them a resampled top k holds."""

    def __init__(self, scores: Floats, labels: Ints, n_groups: int, k: float) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.ranked = scores[self.order]
        self.one_hot = np.eye(n_groups)[labels[self.order]]
        self.k = int(k)

    def band(self, width: int) -> tuple[int, int]:
        """The ranks around k, tied images not torn apart: from which to before which."""
        first, last = max(0, self.k - width), min(len(self.ranked), self.k + width) - 1
        falling = -self.ranked
        start = np.searchsorted(falling, falling[first], side="left")
        return int(start), int(np.searchsorted(falling, falling[last], side="right"))

    def counts(self, copies: Copies, places: Floats, sure: Floats, width: int) -> Floats:
        """Groups in the top ``places`` of each draw, ``(b, n_groups)``.

        Args:
            copies: ``(b, n)``. places: ``(b,)``.
            sure: Counts among the ranks before the band, ``(b, n_groups)``.
        """
        start, stop = self.band(width)
        inside = copies[:, self.order[start:stop]].astype(np.float64)
        left = places - sure.sum(axis=1)
        taken = _taken(inside, left[:, None], self.ranked[start:stop])
        result = sure + taken @ self.one_hot[start:stop]
        wrong = (left < 0) | (inside.sum(axis=1) < left)
        if wrong.any() and (start, stop) != (0, len(self.ranked)):
            # The top k of these draws ends outside the band: look further.
            further = self.band(4 * width)[0]
            head = copies[wrong][:, self.order[:further]].astype(np.float64)
            sure = head @ self.one_hot[:further]
            result[wrong] = self.counts(copies[wrong], places[wrong], sure, 4 * width)
        return result


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
    parts = list(permuted_sums(membership, labels, n_groups))
    counts = np.concatenate([sums.transpose(0, 2, 1) for sums, _ in parts])
    return counts, np.concatenate([sizes for _, sizes in parts])


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
