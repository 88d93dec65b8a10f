"""Compare each patch with the text in the joint space.

Nothing was trained to make patch tokens comparable with texts, and the last block's patches of a
model that reads its class token often point the other way: ``patch_cosine`` is here because it is
what people try first. ``maskclip`` (Zhou et al. 2022, arXiv:2112.01071) compares the *values* of
the last attention, which are what the class token mixes. ``value_value`` (Li et al. 2023, "CLIP
Surgery", arXiv:2304.05653) lets patches attend to patches of like values, over the last half of
the blocks, without MLPs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipprobe.attribution.pooling_head import after_mixing
from clipprobe.attribution.registry import CLASS_TOKEN, FUSED, POOLING_HEAD, Maps, Method
from clipprobe.attribution.trace import joint_space
from clipprobe.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.job import Job

_REASON = "similarities of patches do not share out the score"
PATCH_CAUTION = (
    "patch_cosine compares patches of the last block with texts, which they were not trained for: "
    "it often points away from the object"
)


def _compared(job: Job, tokens: Tensor, settings: dict[str, Any], caution: str = "") -> Maps:
    """Unit tokens ``(n, t, e)`` with each pair's direction."""
    import torch

    patches = tokens[:, job.first_patch :][job.image_of].double()
    return Maps(
        values=job.on_grid(torch.einsum("pte,pe->pt", patches, job.directions.double())),
        units="{score} of each patch",
        reason=_REASON,
        caution=caution,
        settings=settings,
    )


def patch_cosine(job: Job) -> Maps:
    """Cosine of every patch token after the last block with the text."""
    import torch

    trace = job.trace([job.final])
    with torch.no_grad():
        tokens = joint_space(job.clip, trace.value(job.final))
    return _compared(job, tokens, {}, PATCH_CAUTION)


def maskclip(job: Job) -> Maps:
    """Cosine of the last attention's values, through its output map, with the text."""
    import torch

    name = job.attention("maskclip") + "v"
    value = job.trace([name]).value(name)  # n t h k
    with torch.no_grad():
        if name.startswith("head."):
            n, t = value.shape[:2]
            tokens = after_mixing(job.clip, value.flatten(0, 1)[:, None]).view(n, t, -1)
        else:
            out: Any = job.clip.anatomy.vision.blocks[-1].out
            tokens = joint_space(job.clip, out(value.flatten(2)))
    return _compared(job, tokens, {})


def value_value(job: Job, *, n_blocks: int | None = None) -> Maps:
    """A second path of patches that attend by their values, compared with the text.

    Args:
        n_blocks: How many of the last blocks it spans. None: half of them.
    """
    import torch

    from clipprobe.hooks.attention import attention_pattern

    blocks = job.clip.anatomy.vision.blocks
    span = len(blocks) // 2 if n_blocks is None else n_blocks
    if not 1 <= span <= len(blocks):
        raise ConfigError(
            f"n_blocks={span} does not fit: {job.clip.id} has {len(blocks)} vision blocks."
        )
    start = len(blocks) - span
    names = _value_names(job, start)
    trace = job.trace(names)
    with torch.no_grad():
        path = trace.value(names[0])
        for block, name in zip(blocks[start:], names[1:], strict=True):
            v = trace.value(name)
            pattern = attention_pattern(v, v, scale=block.scale, causal=False)
            out: Any = block.out
            path = path + out(torch.einsum("bhqt,bthk->bqhk", pattern, v).flatten(2))
        tokens = joint_space(job.clip, path)
    return _compared(job, tokens, {"n_blocks": span})


def _value_names(job: Job, start: int) -> list[str]:
    n = len(job.clip.anatomy.vision.blocks)
    values = [f"vision.blocks.{block}.attn.v" for block in range(start, n)]
    return [f"vision.blocks.{start}.resid_pre", *values]


PATCH_COSINE = Method(
    run=patch_cosine,
    title="patch-text cosine",
    paper="no paper: the obvious thing",
    towers=(CLASS_TOKEN, FUSED),
    of_units=False,
    single_pass=True,
    needs=lambda job: [job.final],
    cost="1",
)
MASKCLIP = Method(
    run=maskclip,
    title="MaskCLIP values",
    paper="Zhou et al. 2022, arXiv:2112.01071",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    of_units=False,
    single_pass=True,
    needs=lambda job: [job.attention("maskclip") + "v"],
    cost="1",
)
VALUE_VALUE = Method(
    run=value_value,
    title="value-value attention",
    paper="Li et al. 2023, arXiv:2304.05653",
    towers=(CLASS_TOKEN,),
    of_units=False,
    single_pass=True,
    needs=lambda job: _value_names(job, (len(job.clip.anatomy.vision.blocks) + 1) // 2),
    cost="1",
)
