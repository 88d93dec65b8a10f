"""LeGrad: which attention weights of the last blocks, if raised, raise the score read off there.

Bousselham et al. 2025 (ICCV, arXiv:2404.03214). For each of the last blocks the score is read off
its own output: the mean over tokens through the last norm and the projection (as in the authors'
code), or the pooling head on that block's tokens. The positive part of its gradient by the block's
own pattern (the head's pattern) is averaged over heads and queries, and summed over blocks. The
gradient is local to a block, so no pass through the whole model is needed for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipprobe.attribution.job import as_floats
from clipprobe.attribution.methods.patch_text import joint_space
from clipprobe.attribution.pooling_head import run_head
from clipprobe.attribution.registry import CLASS_TOKEN, POOLING_HEAD, Maps, Method
from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job
    from clipprobe.attribution.trace import Trace

N_BLOCKS = 2
_PARTS = ("attn.pattern", "attn.v", "resid_mid")


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
    trace = job.trace([name for group in names for name in group])
    total: Tensor | None = None
    for group in names:
        products = _of_block(job, trace, group).clamp(min=0).double()  # p h q t
        part = products.mean(dim=(1, 2))
        total = part if total is None else total + part
    assert total is not None
    with torch.no_grad():
        values = job.on_grid(as_floats(total[:, job.first_patch :]))
    return Maps(
        values=values,
        resolution="patches",
        units="{score} per unit of attention, positive only",
        scores=job.scores(),
        reason="gradients by attention do not share out the score",
        settings={"n_blocks": n_blocks if job.is_text else 1},
    )


def _names(job: Job, n_blocks: int) -> list[list[str]]:
    """What is read of each block."""
    if not job.is_text:
        return [[f"vision.blocks.{job.last_block('legrad')}.attn.pattern"]]
    depth = len(job.clip.anatomy.vision.blocks)
    blocks = range(depth - n_blocks, depth)
    if job.attention("legrad") == "head.":
        return [[f"vision.blocks.{block}.resid_post"] for block in blocks]
    return [[f"vision.blocks.{block}.{part}" for part in _PARTS] for block in blocks]


def _of_block(job: Job, trace: Trace, names: list[str]) -> Tensor:
    """Gradient ``(p, h, q, t)`` of the score that is read off one block, by a pattern."""
    import torch

    if not job.is_text:
        slope = trace.gradient(names[0])
        if slope is None:
            raise UnsupportedHookError(
                f"The attention before {job.targets.names[0]} has no gradient to it: use "
                "integrated_gradients."
            )
        return slope
    with torch.enable_grad():
        if len(names) == 1:
            parts = run_head(job.clip, trace.of_pairs(names[0]))
            read, pattern = parts["embedding"], parts["pattern"]
        else:
            pattern = trace.of_pairs(names[0]).clone().requires_grad_()
            read = _read_off(job, names[0], pattern, *(trace.of_pairs(n) for n in names[1:]))
        (gradient,) = torch.autograd.grad((read * job.directions).sum(), pattern)
    return gradient


def _read_off(job: Job, name: str, pattern: Tensor, v: Tensor, mid: Tensor) -> Tensor:
    """The unit vector of a block's mean token, as a function of its pattern."""
    import torch

    block = job.clip.anatomy.vision.blocks[int(name.split(".")[2])]
    module: Any = block.module
    norm: Any = block.norm_mid
    out: Any = block.out
    if not hasattr(module, "mlp") or norm is None:
        raise UnsupportedHookError(
            f"The blocks of {job.clip.id} are not of a known form, so legrad cannot run one alone: "
            "use grad_eclip."
        )
    written = out(torch.einsum("bhqt,bthk->bqhk", pattern, v).flatten(2))
    stream = mid + (written - written.detach())
    stream = stream + module.mlp(norm(stream))
    return joint_space(job.clip, stream.mean(dim=1, keepdim=True))[:, 0]


LEGRAD = Method(
    run=legrad,
    title="LeGrad",
    paper="Bousselham et al. 2025, arXiv:2404.03214",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    single_pass=True,
    needs=lambda job: [
        name
        for group in _names(job, min(N_BLOCKS, len(job.clip.anatomy.vision.blocks)))
        for name in group
    ],
    cost="1 and a backward pass through the last blocks",
)
