"""What the heads moved from each patch to the class token, read off in the text's direction.

The exact head x token decomposition of the image embedding (Gandelsman et al. 2024,
arXiv:2310.05916), summed over blocks and heads, as a map. The rest of the score (MLPs, what was
moved from the class token itself, biases) belongs to no patch: :func:`clipprobe.decompose` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipprobe.attribution.registry import CLASS_TOKEN, Maps, Method

if TYPE_CHECKING:
    from clipprobe.attribution.job import Job


def head_tokens(job: Job) -> Maps:
    """Direct effects of (head, patch), summed over heads and blocks."""
    import torch

    from clipprobe.attribution.readout import TowerReadout

    names = _needs(job)
    trace = job.trace(names)
    blocks = job.clip.anatomy.vision.blocks
    readout = TowerReadout(job.clip, "vision", "cosine")
    with torch.no_grad():
        final, projected = trace.of_pairs(names[-2])[:, 0], trace.of_pairs(names[-1])
        read = readout.own(final, projected, job.directions)  # p d
        total = torch.zeros(len(job), job.n_patches, dtype=torch.float64, device=read.device)
        for block, pattern, value in zip(blocks, names[0::2], names[1::2], strict=False):
            out: Any = block.out
            weight = out.weight.double().view(-1, block.n_heads, block.d_head)  # d h k
            weights_of_head = torch.einsum("pd,dhk->phk", read, weight)
            mixed = trace.of_pairs(value)
            worth = torch.einsum("pthk,phk->pht", mixed, weights_of_head.to(mixed))
            moved = worth.double() * trace.value(pattern)[:, :, 0][job.image_of].double()
            total += moved.sum(dim=1)[:, job.first_patch :]
    return Maps(
        values=job.on_grid(total),
        units="{score} that heads moved from the patch",
        reason="MLPs, the class token and biases hold the rest of the score",
    )


def _needs(job: Job) -> list[str]:
    n = len(job.clip.anatomy.vision.blocks)
    pairs = [
        f"vision.blocks.{block}.attn.{part}" for block in range(n) for part in ("pattern", "v")
    ]
    return [*pairs, f"vision.blocks.{n - 1}.resid_post", "vision.projected"]


HEAD_TOKENS = Method(
    run=head_tokens,
    title="head x token decomposition",
    paper="Gandelsman et al. 2024, arXiv:2310.05916",
    towers=(CLASS_TOKEN,),
    of_units=False,
    single_pass=True,
    needs=_needs,
    cost="1",
)
