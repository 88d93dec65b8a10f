"""The vision tower on a part of its patches: half the patches, about half the time.

Training on a random part of the patches costs little accuracy (Li et al. 2023, "Scaling
Language-Image Pre-training via Masking", arXiv:2212.00794). Patches with writing are kept first,
since a word with a missing letter is another word. The last steps see whole images.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def see(
    vision_model: Any, pixels: Tensor, patches: Tensor | None, block: int
) -> tuple[Tensor, Tensor]:
    """Run a ``CLIPVisionModel`` on some of its patches.

    Args:
        pixels: ``(n, 3, h, w)``, normalised.
        patches: ``(n, k)`` indices of the patches to see; ``None`` for all.
        block: Number of blocks after which to read the tokens.
    Returns:
        Pooled class token ``(n, d)``, and tokens after ``block`` blocks ``(n, 1 + k, d)``.
    """
    tokens = vision_model.embeddings(pixels)
    if patches is not None:
        index = torch.cat(
            [torch.zeros_like(patches[:, :1]), patches + 1], dim=1
        )  # the class token stays
        tokens = tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))
    tokens = vision_model.pre_layrnorm(tokens)
    read = tokens
    for number, layer in enumerate(vision_model.encoder.layers, 1):
        tokens = layer(tokens, attention_mask=None)
        if number == block:
            read = tokens
    return vision_model.post_layernorm(tokens[:, 0]), read


def at_patches(values: Tensor, patches: Tensor | None) -> Tensor:
    """Rows of ``values`` ``(n, t, ...)`` at the kept patches, ``(n, k, ...)``."""
    flat = values.flatten(2)
    if patches is not None:
        flat = flat.gather(1, patches[..., None].expand(-1, -1, flat.shape[-1]))
    return flat.reshape(*flat.shape[:2], *values.shape[2:])
