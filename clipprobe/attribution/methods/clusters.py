"""Mask groups of patches out of every attention layer, and see what the score loses.

``attention_occlusion`` masks one patch at a time. ``cci`` (Concept-based Causal Inference for CLIP,
CVPR 2026) masks clusters: k-means on the patch tokens after the last block, so that patches that
the model holds to be alike go together, at k + 1 forward passes. Masked pixels have no influence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.attribution.job import as_floats
from clipprobe.attribution.masking import encode_masked
from clipprobe.attribution.registry import TRANSFORMERS, Maps, Method
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from clipprobe.attribution.job import Job


def cci(job: Job, *, n_clusters: int = 7, seed: int = 0) -> Maps:
    """Loss of the score when a patch's whole cluster is masked.

    Args:
        n_clusters: Clusters of each image; as many as patches is attention occlusion.
    """
    if not 2 <= n_clusters <= job.n_patches:
        raise ConfigError(
            f"n_clusters={n_clusters} does not fit: give 2 to the {job.n_patches} patches."
        )
    labels = np.stack([_clusters(one, n_clusters, seed) for one in _tokens(job)])
    return _losses(job, labels, {"n_clusters": n_clusters, "seed": seed})


def attention_occlusion(job: Job) -> Maps:
    """Loss of the score when the patch alone is masked."""
    labels = np.tile(np.arange(job.n_patches), (len(job.pixels), 1))
    return _losses(job, labels, {})


def _losses(job: Job, labels: NDArray[np.int_], settings: dict[str, Any]) -> Maps:
    """Of masking each patch's cluster, by its label ``(n, n_patches)``."""
    import torch

    k = int(labels.max()) + 1
    masks = labels[:, None] != np.arange(k)[None, :, None]  # n k n_patches
    under = job.per_pair(encode_masked(job, torch.from_numpy(masks)))  # p k
    lost = job.scores()[:, None] - under
    return Maps(
        values=job.on_grid(np.take_along_axis(lost, labels[job.image_of], axis=1)),
        units="{score} lost when the patch and those of its cluster are masked out of attention",
        reason="losses of single clusters do not share out the score",
        settings=settings,
    )


def _tokens(job: Job) -> Any:
    """Patch tokens after the last block, ``(n, n_patches, d)``."""
    import torch

    from clipprobe.hooks import capture

    with torch.no_grad(), capture(job.clip, [job.final]) as acts:
        job.clip.image_embeddings(job.pixels)
    return as_floats(acts[job.final][:, job.first_patch :])


def _clusters(tokens: Floats, k: int, seed: int) -> NDArray[np.int_]:
    if k == len(tokens):
        return np.arange(k)
    from sklearn.cluster import KMeans

    clusters: NDArray[np.int_] = KMeans(k, n_init=4, random_state=seed).fit_predict(tokens)
    return np.unique(clusters, return_inverse=True)[1]


CCI = Method(
    run=cci,
    title="CCI",
    paper="Concept-based Causal Inference for CLIP, CVPR 2026",
    towers=TRANSFORMERS,
    cost="2 and one per cluster",
)
ATTENTION_OCCLUSION = Method(
    run=attention_occlusion,
    title="attention occlusion",
    paper="CCI with one patch per cluster",
    towers=TRANSFORMERS,
    cost="1 and one per patch",
)
