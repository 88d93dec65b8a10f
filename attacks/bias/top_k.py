"""The top k of every text's ranking by group, found once for all the figures that need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.bias import retrieval
from attacks.bias.frame import Frame
from attacks.bias.resampling import Floats
from attacks.bias.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """Images of each group in the top ``k`` of ``m`` texts.

    ``counts``: as seen, ``(m, n_groups)``. ``boot``: resampled, ``(n_boot, m, n_groups)``.
    ``null``: under permuted labels, ``(n_permutations, m, n_groups)``, with the ``null_sizes`` of
    the groups, ``(n_permutations, n_groups)``.
    ``paired``: under :attr:`Frame.pairing`, ``(b, m, n_groups)``; None where there is none.
    """

    k: int
    counts: Floats
    boot: Floats
    null: Floats
    null_sizes: Floats
    paired: Floats | None


def top_k(frame: Frame, settings: Settings) -> TopK:
    """The top k of a frame: counted at the first call, remembered for the next.

    Raises:
        ConfigError: k is below 10 or above half of the images.
    """
    k = retrieval.resolve_k(settings.k, len(frame.labels))
    found = frame.kept.get(("top", k))
    if not isinstance(found, TopK):
        found = frame.kept[("top", k)] = _count(frame, k)
    return found


def _count(frame: Frame, k: int) -> TopK:
    scores, labels, n_groups = frame.scores, frame.labels, len(frame.sizes)
    members = np.stack([retrieval.top_weights(s, k) for s in scores.T], axis=1)
    null, null_sizes = retrieval.permuted_counts(members, frame.permutations, n_groups)
    paired = None
    if frame.pairing is not None:
        paired = retrieval.top_counts(scores, k, labels, n_groups, frame.pairing)
    return TopK(
        k=k,
        counts=members.T @ np.eye(n_groups)[labels],
        boot=retrieval.top_counts(scores, k, labels, n_groups, frame.weights),
        null=null,
        null_sizes=null_sizes,
        paired=paired,
    )
