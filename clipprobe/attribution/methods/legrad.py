"""LeGrad: which attention weights of the last blocks, if raised, raise the score read off there.

Bousselham et al. 2025 (ICCV, arXiv:2404.03214). For each of the last blocks the score is read off
its own output: the mean over tokens through the last norm and the projection (as in the authors'
code), or the pooling head on that block's tokens. The positive part of its gradient by the block's
own pattern (the head's pattern) is averaged over heads and queries, and summed over blocks. The
gradient is local to a block, so no pass through the whole model is needed for it.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from clipprobe.attribution.pooling_head import run_head
from clipprobe.attribution.registry import CLASS_TOKEN, POOLING_HEAD, Maps, Method
from clipprobe.attribution.trace import LOCAL
from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job
    from clipprobe.attribution.trace import Trace

N_BLOCKS = 2


def legrad(job: Job, *, n_blocks: int = N_BLOCKS) -> Maps:
    """Sum of the positive gradients by the patterns of the last blocks.

    Args:
        n_blocks: How many of the last blocks are read. For a unit, its own block alone is.
    """
    import torch

    depth = len(job.clip.anatomy.vision.blocks)
    if not 1 <= n_blocks <= depth:
        raise ConfigError(f"n_blocks={n_blocks} does not fit: there are {depth} vision blocks.")
    names = _names(job, n_blocks)
    trace = job.trace(names)

    def raised(name: str) -> Tensor:
        slope = _slope(job, trace, name).clamp(min=0)  # p h q t
        return slope.sum(dim=(1, 2)).double() / (slope.shape[1] * slope.shape[2])

    total = reduce(torch.add, map(raised, names))
    return Maps(
        values=job.on_grid(total[:, job.first_patch :]),
        units="{score} per unit of attention, positive only",
        reason="gradients by attention do not share out the score",
        settings={"n_blocks": n_blocks if job.is_text else 1},
    )


def _names(job: Job, n_blocks: int) -> list[str]:
    """What is read of the shared pass."""
    if not job.is_text:
        return [f"vision.blocks.{job.last_block('legrad')}.attn.pattern"]
    depth = len(job.clip.anatomy.vision.blocks)
    pooled = job.attention("legrad") == "head."
    part, before = ("resid_post", "") if pooled else ("attn.pattern", LOCAL)
    return [f"{before}vision.blocks.{block}.{part}" for block in range(depth - n_blocks, depth)]


def _slope(job: Job, trace: Trace, name: str) -> Tensor:
    """Gradient ``(p, h, q, t)`` by a pattern of the score that is read off one block."""
    import torch

    if name.endswith("resid_post"):
        with torch.enable_grad():
            parts = run_head(job.clip, trace.of_pairs(name))
            score = (parts["embedding"] * job.directions).sum()
            (gradient,) = torch.autograd.grad(score, parts["pattern"])
        return gradient
    slope = trace.gradient(name)
    if slope is None:
        raise UnsupportedHookError(
            f"The attention before {job.targets.names[0]} has no gradient to it: use "
            "integrated_gradients."
        )
    return slope


LEGRAD = Method(
    run=legrad,
    title="LeGrad",
    paper="Bousselham et al. 2025, arXiv:2404.03214",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    single_pass=True,
    needs=lambda job: _names(job, min(N_BLOCKS, len(job.clip.anatomy.vision.blocks))),
    cost="1 and a backward pass through the last blocks",
)
