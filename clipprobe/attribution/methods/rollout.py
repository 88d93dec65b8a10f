"""Follow attention through the blocks, without and with gradients.

``attention_rollout`` (Abnar and Zuidema 2020, arXiv:2005.00928) multiplies the mean patterns, half
of each kept for the residual stream; it does not read the text at all. ``chefer`` (Chefer et al.
2021, arXiv:2103.15679, eq. 5-6) weights each pattern by its gradient and keeps the positive part.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from clipprobe.attribution.registry import CLASS_TOKEN, POOLING_HEAD, Maps, Method
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job

ROLLOUT_CAUTION = "attention_rollout does not read the text: every text gets the same map"
_REASON = "products of attention do not share out the score"


def _patterns(job: Job, first: int, method: str) -> tuple[list[str], list[str]]:
    """Of the blocks from the first on, and of the pooling head where there is one."""
    blocks = range(first, job.last_block(method) + 1)
    last = job.attention(method) + "pattern"
    head = [last] if last.startswith("head.") else []
    return [f"vision.blocks.{block}.attn.pattern" for block in blocks], head


def attention_rollout(job: Job, *, first_block: int = 0) -> Maps:
    """Product of ``(mean pattern + identity) / 2`` over the blocks, as the score's token sees it.

    Args:
        first_block: Blocks before it are left out.
    """
    import torch

    first = _check(job, first_block, "attention_rollout")
    names, head = _patterns(job, first, "attention_rollout")
    trace = job.trace(names + head)

    def step(name: str) -> Tensor:
        mean = trace.value(name).mean(dim=1).double()  # n t t
        return (mean + torch.eye(mean.shape[-1]).to(mean)) / 2

    with torch.no_grad():
        reach = reduce(lambda before, after: after @ before, map(step, names))
        if head:
            reached = trace.value(head[0]).double().mean(dim=1)[:, 0][:, None] @ reach
        else:
            token = job.is_text and job.first_patch
            reached = reach[:, :1] if token else reach.mean(dim=1, keepdim=True)
    return Maps(
        values=job.on_grid(reached[:, 0, job.first_patch :][job.image_of]),
        units="share of attention; the same for every text",
        reason=_REASON,
        caution=ROLLOUT_CAUTION,
        settings={"first_block": first},
    )


def chefer(job: Job, *, first_block: int = 0) -> Maps:
    """Relevance that grows by positive (gradient times pattern), averaged over heads, per block.

    Args:
        first_block: Blocks before it are left out; the authors take the last block alone for some
            backbones (``first_block=-1``).
    """
    import torch

    first = _check(job, first_block, "chefer")
    names, head = _patterns(job, first, "chefer")
    trace = job.trace(names + head)

    def weighted(name: str) -> Tensor:
        pattern, gradient = trace.of_pairs(name), trace.gradient(name)
        if gradient is None:
            return torch.zeros_like(pattern).mean(dim=1).double()
        return (pattern * gradient).clamp(min=0).mean(dim=1).double()  # p t t

    with torch.no_grad():
        n_tokens = job.n_patches + job.first_patch
        relevance = torch.eye(n_tokens, dtype=torch.float64, device=job.clip.device).repeat(
            len(job), 1, 1
        )
        for name in names[:-1]:
            relevance = relevance + weighted(name) @ relevance
        if head:
            relevance = relevance + weighted(names[-1]) @ relevance
            reached = weighted(head[0])[:, 0]
        elif job.is_text:
            reached = weighted(names[-1])[:, 0]
        else:  # the rows of the tokens that the unit does not read are zero
            reached = weighted(names[-1]).sum(dim=1)
        relevance_of_patches = torch.einsum("pt,pts->ps", reached, relevance)
        if job.is_text and not head:  # what reached the class token before the last block
            relevance_of_patches = relevance_of_patches + relevance[:, 0]
    return Maps(
        values=job.on_grid(relevance_of_patches[:, job.first_patch :]),
        units="relevance, positive only",
        reason=_REASON,
        settings={"first_block": first},
    )


def _check(job: Job, first_block: int, method: str) -> int:
    n = job.last_block(method) + 1
    block = first_block + n if first_block < 0 else first_block
    if not 0 <= block < n:
        raise ConfigError(f"first_block={first_block} does not fit: there are {n} blocks to use.")
    return block


def _needs(job: Job) -> list[str]:
    names, head = _patterns(job, 0, "chefer")
    return names + head


ATTENTION_ROLLOUT = Method(
    run=attention_rollout,
    title="attention rollout",
    paper="Abnar and Zuidema 2020, arXiv:2005.00928",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    reads_target=False,
    single_pass=True,
    needs=_needs,
    cost="1",
)
CHEFER = Method(
    run=chefer,
    title="Chefer relevance",
    paper="Chefer et al. 2021, arXiv:2103.15679",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    single_pass=True,
    needs=_needs,
    cost="1 and a backward pass",
)
