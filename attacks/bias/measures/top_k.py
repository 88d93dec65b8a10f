"""The top k of every text's ranking by group, found once for all the figures that need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.bias.measures import retrieval
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings


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
    k = retrieval.resolve_k(settings.k, len(frame.labels))
    top = frame.cache.get(("top", k))
    if not isinstance(top, TopK):
        top = frame.cache[("top", k)] = _count(frame, k)
    return top


def _count(frame: Frame, k: int) -> TopK:
    labels, n_groups = frame.labels, len(frame.sizes)
    members = np.stack([retrieval.top_weights(s, k) for s in frame.scores.T], axis=1)
    null, null_sizes = retrieval.permuted_counts(members, frame.permutations, n_groups)
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
