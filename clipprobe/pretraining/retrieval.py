"""What a model trained on a user's pairs can do: find the other half of pairs it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clipprobe.pretraining.evaluation import Ability
from clipprobe.statistics import wilson

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.pretraining.pairs import PairSpec


def evaluate_pairs(clip: Clip, pairs: PairSpec) -> list[Ability]:
    """Recall at 1 and 5 on the held-out pairs, both ways; equal captions are all right."""
    apart = pairs.held_out()
    images = clip.encode_images([record for record, _ in apart], batch_size=64)
    captions = [caption for _, caption in apart]
    similarity = images @ clip.encode_texts(captions).T  # (n, n)
    same = np.array([[a == b for b in captions] for a in captions])
    abilities = []
    for k in (1, 5):
        if k >= len(apart):
            continue  # everything would be found
        for name, scores in (("image_to_text", similarity), ("text_to_image", similarity.T)):
            hits = _hits(scores, same, k)
            abilities.append(
                Ability(
                    name=f"{name}_recall_{k}",
                    meaning=f"{name.replace('_', ' ')}: the right one is among the best {k} of "
                    f"{len(apart)} held-out pairs",
                    estimate=wilson(int(hits.sum()), len(hits)),
                )
            )
    return abilities


def _hits(
    scores: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], k: int
) -> npt.NDArray[np.bool_]:
    """Rows whose best right column has fewer than ``k`` wrong ones at or above it."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    ahead: npt.NDArray[np.bool_] = ((scores >= best) & ~right).sum(axis=1) < k
    return ahead
