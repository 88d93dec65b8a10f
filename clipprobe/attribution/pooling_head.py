"""The attention of a pooling head (SigLIP), run by hand so that its inside can be seen.

The head is a module of torch whose attention is fused: a learnt query reads all tokens, a linear
map and an MLP follow. It is computed here from the same weights, and checked against the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clipprobe.models import Clip

PARTS = ("q", "k", "v", "pattern", "z")
_TOLERANCE = 1e-3


def find_head(clip: Clip) -> nn.Module | None:
    """The module that pools all tokens; None where a model has none of a known kind."""
    from torch import nn

    for module in clip.module.modules():
        head: Any = module
        if all(hasattr(head, part) for part in ("probe", "attention", "layernorm", "mlp")):
            if isinstance(head.attention, nn.MultiheadAttention) and head.attention.batch_first:
                return module
    return None


def pooling_head(clip: Clip) -> nn.Module:
    """The module that pools all tokens.

    Raises:
        UnsupportedHookError: the model has none of a known kind.
    """
    head = find_head(clip)
    if head is None:
        raise UnsupportedHookError(
            f"The vision tower of {clip.id} pools its tokens in a way that is not known here: use "
            "integrated_gradients or occlusion."
        )
    return head


def run_head(clip: Clip, stream: Tensor) -> dict[str, Tensor]:
    """Queries, keys, values, pattern and mixture of the head, with the embedding that they make.

    Where gradients are enabled they have a graph of their own, which begins at the stream.

    Args:
        stream: The final residual stream, ``(b, t, d)``.
    Returns:
        ``q`` ``(b, 1, h, k)``, ``k`` and ``v`` ``(b, t, h, k)``, ``pattern`` ``(b, h, 1, t)``,
        ``z`` ``(b, 1, h, k)`` and ``embedding`` ``(b, e)`` of unit length.
    """
    import torch
    from torch.nn import functional

    module: Any = pooling_head(clip)
    attention = module.attention
    heads = attention.num_heads
    norm: Any = clip.anatomy.vision.norm_final
    if torch.is_grad_enabled():  # a leaf, so that everything after it is in a graph
        stream = stream.detach().requires_grad_()
    tokens = norm(stream)
    n, _, width = tokens.shape
    wq, wk, wv = attention.in_proj_weight.split(width)
    bq, bk, bv = attention.in_proj_bias.split(width)

    def split(x: Tensor) -> Tensor:
        return torch.unflatten(x, -1, (heads, width // heads))

    q = split(functional.linear(module.probe.expand(n, -1, -1), wq, bq))  # b 1 h k
    k, v = split(functional.linear(tokens, wk, bk)), split(functional.linear(tokens, wv, bv))
    pattern = (torch.einsum("bqhk,bthk->bhqt", q, k) * (width // heads) ** -0.5).softmax(dim=-1)
    z = torch.einsum("bhqt,bthk->bqhk", pattern, v)
    return {"q": q, "k": k, "v": v, "pattern": pattern, "z": z, "embedding": after_mixing(clip, z)}


def after_mixing(clip: Clip, z: Tensor) -> Tensor:
    """The unit embedding from the heads' mixtures ``(b, q, h, k)``."""
    from clipprobe.models.vectors import unit

    module: Any = pooling_head(clip)
    attended = module.attention.out_proj(z.flatten(2))
    pooled = attended + module.mlp(module.layernorm(attended))
    return unit(clip.adapter.vision_projected(pooled[:, 0]))


def check_head(clip: Clip, by_hand: Tensor, embedding: Tensor) -> None:
    """Refuse where the head computed by hand is not the model's.

    Raises:
        UnsupportedHookError: the embeddings differ.
    """
    gap = float((by_hand.detach() - embedding.detach()).abs().max())
    if gap > _TOLERANCE:
        raise UnsupportedHookError(
            f"The pooling head of {clip.id} is not the known one: its embedding computed by hand "
            f"differs by {gap:.2g}. Use integrated_gradients or occlusion."
        )
