"""A vision tower of transformers' CLIP run by hand, one small step at a time, with its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass
class Pass:
    """Everything of one forward pass; ``score`` is the cosine with the direction."""

    score: Tensor
    patterns: list[Tensor] = field(default_factory=list)
    q: list[Tensor] = field(default_factory=list)
    k: list[Tensor] = field(default_factory=list)
    v: list[Tensor] = field(default_factory=list)
    z: list[Tensor] = field(default_factory=list)
    streams: list[Tensor] = field(default_factory=list)
    """Before each block, and after the last."""


def forward(clip: Any, pixels: Tensor, direction: Tensor, mask: Tensor | None = None) -> Pass:
    """One image ``(1, 3, H, W)``; ``mask`` ``(t,)`` true where a token may be attended to."""
    vision = clip.module.vision_model
    seen = Pass(score=torch.zeros(()))
    x = vision.pre_layrnorm(vision.embeddings(pixels)).requires_grad_()
    for layer in vision.encoder.layers:
        seen.streams.append(x)
        attention = layer.self_attn
        n_heads = attention.num_heads
        y = layer.layer_norm1(x)
        q, k, v = (
            part(y).view(1, y.shape[1], n_heads, -1)
            for part in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        logits = torch.einsum("bqhk,bthk->bhqt", q, k) * attention.head_dim**-0.5
        if mask is not None:
            logits = logits.masked_fill(~mask, -torch.inf)
        pattern = logits.softmax(-1)
        z = torch.einsum("bhqt,bthk->bqhk", pattern, v)
        for kept, value in zip(
            (seen.q, seen.k, seen.v, seen.patterns, seen.z), (q, k, v, pattern, z), strict=True
        ):
            kept.append(value)
        x = x + attention.out_proj(z.flatten(2))
        x = x + layer.mlp(layer.layer_norm2(x))
    seen.streams.append(x)
    seen.score = (joint(clip, x[:, 0]) * direction).sum()
    return seen


def joint(clip: Any, tokens: Tensor) -> Tensor:
    """Tokens through the last norm and the projection, of unit length."""
    normed = clip.module.vision_model.post_layernorm(tokens)
    return functional.normalize(clip.module.visual_projection(normed), dim=-1)
