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
counts as one image (the published convention, else the skew is minus infinity). Where one image is
more than its target, that is where ``k p_a < 1``, its skew is undefined: a larger k is needed.
k must not exceed half of the images: at k = N every skew is 0, however biased the ranking.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.draws import Floats, Ints, Labels
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.group_sums import permuted_sums
from attacks.bias.measures.inference import Settings
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


def top_weights(scores: Floats, k: int) -> Floats:
    """How much of each image stands in the top ``k``: ``(n,)`` -> ``(n,)``, summing to k.

    Example:
        >>> top_weights(np.array([0.9, 0.5, 0.5, 0.1]), 2).tolist()
        [1.0, 0.5, 0.5, 0.0]
    """
    order, starts, sizes = tied_blocks(scores)
    result = np.empty(len(scores))
    result[order] = np.repeat(np.clip(k - starts, 0, sizes) / sizes, sizes)
    return result


def tied_blocks(scores: Floats) -> tuple[Ints, Ints, Ints]:
    """The ranking, best first, ``(n,)``, and start and size of each block of tied scores."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    return order, starts, np.diff(np.r_[starts, len(ranked)])


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
    """Skew of every group, ``(..., n_groups)``; a count below one image is taken as one, but never
    as more than the group's target.

    Example:
        >>> skews(np.array([10.0, 0.0]), np.array([0.5, 0.5])).round(3).tolist()
        [0.693, -1.609]
    """
    k = counts.sum(axis=-1, keepdims=True)
    return skews_of(counts / k, shares, k)


def skews_of(top_shares: Floats, shares: Floats, k: Floats | int) -> Floats:
    """Skew of shares of the top ``k`` that were seen, ``(..., n_groups)``; see :func:`skews`."""
    result: Floats = np.log(np.maximum(top_shares, np.minimum(1 / k, shares)) / shares)
    return result


def judgeable(shares: Floats, k: int) -> NDArray[np.bool_]:
    """Whether a group's target is one image of the top ``k`` or more, ``(n_groups,)``.

    Below that, to count an absent group as one image would call it over-represented.

    Example:
        >>> judgeable(np.array([0.98, 0.02]), 20).tolist()
        [True, False]
    """
    return np.asarray(k * shares > 1 - 1e-9)


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
    top_shares = np.cumsum(ranked, axis=-2) / np.arange(1, n + 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(
            top_shares > 0, top_shares * np.log(top_shares / shares[..., None, :]), 0.0
        )
    result: Floats = (terms.sum(axis=-1) * discount).sum(axis=-1) / discount.sum()
    return result


def ranked_membership(scores: Floats, labels: Ints | Labels, n_groups: int) -> Floats:
    """Group membership by rank, best first; a tied block shows its own shares throughout.

    Args:
        scores: Cosines with one text, ``(n,)``. labels: ``(n,)``, or permuted ones ``(b, n)``.
    Returns:
        ``(n, n_groups)`` or ``(b, n, n_groups)``.
    """
    order, starts, sizes = tied_blocks(scores)
    one_hot = np.eye(n_groups)[labels[..., order]]
    if len(starts) == len(scores):
        return one_hot
    shares = np.add.reduceat(one_hot, starts, axis=-2) / sizes[:, None]
    result: Floats = np.repeat(shares, sizes, axis=-2)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """Images of each group in the top ``k`` of ``m`` texts.

    ``counts``: as seen, ``(m, n_groups)``. ``effective``: independent places among them, ``(m,)``.
    ``null``: under permuted labels, ``(n_permutations, m, n_groups)``, with the ``null_sizes`` of
    the groups, ``(n_permutations, n_groups)``.
    """

    k: int
    counts: Floats
    effective: Floats
    null: Floats
    null_sizes: Floats

    def how(self, item: int) -> str:
        """How the intervals of a text's figures were made."""
        if self.effective[item] == self.k:
            return f"Wilson on {self.k} places"
        return (
            f"Wilson on an effective {self.effective[item]:.1f} of {self.k} places, as images of "
            "one cluster count as one"
        )


def top_k(frame: Frame, settings: Settings) -> TopK:
    """The top k of a frame: counted at the first call, remembered for the next.

    Raises:
        ConfigError: k is below 10 or above half of the images.
    """
    k = resolve_k(settings.k, len(frame.labels))
    top = frame.cache.get(("top", k))
    if not isinstance(top, TopK):
        top = frame.cache[("top", k)] = _count(frame, k)
    return top


def _count(frame: Frame, k: int) -> TopK:
    labels, n_groups = frame.labels, len(frame.sizes)
    members = np.stack([top_weights(s, k) for s in frame.scores.T], axis=1)
    null, null_sizes = permuted_counts(members, frame.permutations, n_groups)
    return TopK(
        k=k,
        counts=members.T @ np.eye(n_groups)[labels],
        effective=_effective(frame, members, k),
        null=null,
        null_sizes=null_sizes,
    )


def _effective(frame: Frame, members: Floats, k: int) -> Floats:
    """Independent places among ``k``, ``(m,)``: k without clusters; with them k over the mean
    number of places that a place's cluster has (Kish 1965), as if a cluster's images were copies.
    """
    if frame.clusters is None:
        return np.full(members.shape[1], float(k))
    of_cluster = [np.bincount(frame.clusters, weights=column) for column in members.T]
    return np.array([min(float(k), k**2 / float(sizes @ sizes)) for sizes in of_cluster])
