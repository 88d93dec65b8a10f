"""Maps from images of which only some patches are seen, by attention or by mean colour.

``keep_only``: what the score is when a small window is all that is seen. ``banzhaf``: by how much a
patch raises the score on average over random sets of the others (the Banzhaf value; Grabisch and
Roubens 1999; p-weighted as in Baniecki et al. 2025, "FIxLIP"). ``interactions``: the part of it
that needs the words of the text (see :mod:`clipprobe.attribution.interactions`). No pixel changes
where patches are masked by attention (``masking="attention"``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.coalitions import Coalitions, coalitions, first_order
from clipprobe.attribution.job import as_floats
from clipprobe.attribution.masking import encode_masked, encode_mean_pixel
from clipprobe.attribution.registry import TRANSFORMERS, Maps, Method
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job

MASKINGS = ("attention", "mean_pixel")


def keep_only(job: Job, *, window: int = 3, masking: str = "attention") -> Maps:
    """The score when only a window around each patch is seen; at a border the window is cut.

    Args:
        window: Side of the window in patches, odd.
        masking: ``attention`` or ``mean_pixel``.
    """
    import torch

    if window < 1 or window % 2 == 0:
        raise ConfigError(f"window={window} has no middle: give an odd number of patches.")
    rows, columns = np.divmod(np.arange(job.n_patches), job.grid[1])
    near = np.maximum(
        np.abs(rows[:, None] - rows[None]), np.abs(columns[:, None] - columns[None])
    ) <= (window // 2)
    scores = job.per_pair(masked_features(job, torch.from_numpy(near), masking))
    return Maps(
        values=job.on_grid(scores),
        units="{score} when only a window around the patch is seen",
        reason="scores of windows do not share out the score",
        settings={"window": window, "masking": masking},
    )


def banzhaf(
    job: Job,
    *,
    n_masks: int | None = None,
    p: float = 0.5,
    masking: str = "attention",
    seed: int = 0,
) -> Maps:
    """Expected rise of the score when the patch joins a random set of the others.

    Args:
        n_masks: Random sets, the same for every image. None: 8 per patch, at most 2,048.
        p: Probability that a patch is seen.
    """
    return _along(
        job,
        as_floats(job.directions),
        "{score} that the patch adds on average to random sets of the others",
        "Banzhaf values do not sum to the score",
        {"n_masks": n_masks, "p": p, "masking": masking, "seed": seed},
    )


def interactions(
    job: Job,
    *,
    n_masks: int | None = None,
    p: float = 0.5,
    masking: str = "attention",
    seed: int = 0,
) -> Maps:
    """Sum over the words of the text of the patch x word interactions.

    What of the Banzhaf value depends on the words: patches that raise the score with any text get
    nothing. ``against`` and ``centre`` are sums of texts, and interactions are of one text.
    """
    from clipprobe.attribution.interactions.words import word_slopes

    texts = job.targets.names
    words = {text: word_slopes(job.clip, text, p=p, seed=seed) for text in dict.fromkeys(texts)}
    return _along(
        job,
        np.stack([words[text].slopes.sum(axis=0) for text in texts]),
        "cosine similarity that patch and words add together",
        "interactions are one part of the score",
        {"n_masks": n_masks, "p": p, "masking": masking, "seed": seed},
    )


def _along(
    job: Job, directions: Floats, units: str, reason: str, settings: Mapping[str, Any]
) -> Maps:
    """The patches' slopes along a direction of each pair, ``(p, f)``."""
    slopes, n_sets = _patch_slopes(job, **settings)
    return Maps(
        values=job.on_grid(np.einsum("pnf,pf->pn", slopes[job.image_of], directions)),
        units=units,
        reason=reason,
        settings={**settings, "n_masks": n_sets},
    )


def _patch_slopes(
    job: Job, *, n_masks: int | None, p: float, masking: str, seed: int
) -> tuple[Floats, int]:
    """``E[D_i u]`` ``(n, n_patches, f)`` of every image, and of how many sets."""
    import torch

    key = ("slopes", n_masks, p, masking, seed)
    if key not in job.cache:
        budget = min(2048, 8 * job.n_patches) if n_masks is None else n_masks
        sets = proper(coalitions(job.n_patches, max(budget, 4), p=p, seed=seed), job, masking)
        features = masked_features(job, torch.from_numpy(sets.members), masking)
        slopes = np.stack([first_order(sets, as_floats(one))[1] for one in features])
        job.cache[key] = slopes, len(sets.members)
    cached: tuple[Floats, int] = job.cache[key]
    return cached


def proper(sets: Coalitions, job: Job, masking: str) -> Coalitions:
    """Without the empty set, where a model without a class token has no answer for it."""
    if job.first_patch or masking != "attention" or sets.members.any(axis=1).all():
        return sets
    nonempty = sets.members.any(axis=1)
    weights = sets.weights[nonempty] / sets.weights[nonempty].sum()
    return Coalitions(sets.members[nonempty], weights, sets.p, False)


def masked_features(job: Job, masks: Tensor, masking: str) -> Tensor:
    """Features ``(n, m, f)`` with patches masked in one of the two ways.

    Raises:
        ConfigError: there is no such way.
    """
    if masking not in MASKINGS:
        raise ConfigError(f"There is no masking {masking!r}: use {' or '.join(MASKINGS)}.")
    encode = encode_masked if masking == "attention" else encode_mean_pixel
    return encode(job, masks)


KEEP_ONLY = Method(
    run=keep_only,
    title="keep-only windows",
    paper="the complement of attention occlusion; no paper of its own",
    towers=TRANSFORMERS,
    cost="one per patch, of few tokens each",
)
BANZHAF = Method(
    run=banzhaf,
    title="Banzhaf masks",
    paper="Baniecki et al. 2025 (FIxLIP), first order",
    towers=TRANSFORMERS,
    cost="8 per patch, of half the tokens each",
)
INTERACTIONS = Method(
    run=interactions,
    title="patch-word interactions",
    paper="Baniecki et al. 2025 (FIxLIP), factorised",
    towers=TRANSFORMERS,
    of_units=False,
    cost="8 per patch, of half the tokens each",
)
