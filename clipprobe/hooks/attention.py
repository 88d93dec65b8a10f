"""The attention pattern, recomputed from what the attention modules are given.

Fused attention (torch's ``scaled_dot_product_attention``) never forms the pattern, and transformers
returns an empty tuple for it without a word.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from clipprobe.errors import UnsupportedHookError


def attention_pattern(
    q: Tensor, k: Tensor, *, scale: float, causal: bool, mask: Tensor | None = None
) -> Tensor:
    """``softmax(q k^T * scale)`` over the keys, in float32 at least, as eager attention does.

    Args:
        q: Queries, ``(b, t, n_heads, d_head)``.
        k: Keys, likewise.
        causal: Whether a token sees only itself and earlier ones, where no mask says so.
        mask: What the attention module was given, broadcastable to ``(b, n_heads, t, t)``: true
            where a key may be seen, or what is added to the scores.
    Returns:
        ``(b, n_heads, t, t)``; each row sums to 1.
    """
    scores = torch.einsum("bqhk,bthk->bhqt", q, k) * scale
    if mask is not None and mask.dtype != torch.bool:
        scores = scores + mask[..., : k.shape[1]]
    else:
        if mask is None and causal:
            t = q.shape[1]
            mask = torch.ones(t, t, dtype=torch.bool, device=q.device).tril()
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    precision = torch.promote_types(q.dtype, torch.float32)
    return scores.softmax(dim=-1, dtype=precision).to(q.dtype)


def attention_mask(
    module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Tensor | None:
    if "attention_mask" in keywords:
        mask = keywords["attention_mask"]
    else:
        bound = inspect.signature(module.forward).bind_partial(*arguments, **keywords)
        mask = bound.arguments.get("attention_mask")
    if mask is not None and not (isinstance(mask, Tensor) and mask.ndim == 4):
        raise UnsupportedHookError(
            "attn.pattern cannot be recomputed under this attention implementation, whose mask is "
            'no tensor of four axes: load the model with attn_implementation="sdpa" or "eager".'
        )
    return mask
