"""Both towers' passes in parts of the batch side by side, one thread each.

CLIP's loss needs every pair of a batch, but an embedding needs only its own image or text: the
towers run on parts of the batch, the loss on all embeddings at once, and its gradients go back into
each part (Gao et al. 2021, arXiv:2101.06983, here without running a part twice). On the cores of a
CPU that is faster than one pass over the whole batch that is split at every operation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from clipprobe.pretraining.training.patches import see


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Embeddings and tokens of a batch, cut off from the towers that made them."""

    images: Tensor
    """``(n, d)``, a leaf, like the other two."""
    texts: Tensor
    """``(m, d)``."""
    tokens: Tensor
    """``(n, 1 + k, w)``: the vision tower's, after the block that was asked for."""
    parts: list[tuple[Tensor, Tensor, Tensor]]
    """The same, with their graphs, for each part of the batch."""
    pool: Executor

    def backward(self, parameters: Sequence[Tensor]) -> None:
        """Carry the leaves' gradients on into the towers' parameters."""
        # Tokens that no loss looks at have no gradient.
        used = [
            (number, torch.split(leaf.grad, [len(part[number]) for part in self.parts]))
            for number, leaf in enumerate((self.images, self.texts, self.tokens))
            if leaf.grad is not None
        ]

        def one(part: int) -> list[Tensor | None]:
            grads = torch.autograd.grad(
                [self.parts[part][number] for number, _ in used],
                parameters,
                [grads[part] for _, grads in used],
                allow_unused=True,
            )
            # A product's gradient comes transposed, and an optimizer is slow on such.
            return [None if grad is None else grad.contiguous() for grad in grads]

        # Summed in the order of the parts, whichever is done first: the last bits depend on it.
        for grads in self.pool.map(one, range(len(self.parts))):
            for parameter, grad in zip(parameters, grads, strict=True):
                if grad is not None:
                    parameter.grad = grad if parameter.grad is None else parameter.grad + grad


def encode(
    model: Any,
    pixels: Tensor,
    patches: Tensor | None,
    texts: Mapping[str, Tensor],
    *,
    block: int,
    pool: Executor,
    parts: int = 1,
    bf16: bool = False,
) -> Encoded:
    """Run a ``CLIPModel`` on a batch in so many parts.

    Args:
        pixels: ``(n, 3, h, w)``, normalised.
        patches: ``(n, k)`` indices of the patches to see; ``None`` for all.
        texts: ``input_ids`` and ``attention_mask``, ``(m, t)``.
        block: Number of vision blocks after which to read the tokens.
        pool: Runs the parts.
        bf16: Autocast the matrix products to bfloat16.
    """
    n, n_texts = len(pixels), len(texts["input_ids"])

    def one(number: int) -> tuple[Tensor, Tensor, Tensor]:
        rows, lines = (
            slice(size * number // parts, size * (number + 1) // parts) for size in (n, n_texts)
        )
        # Autocast holds for its own thread alone.
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=bf16):
            pooled, tokens = see(
                model.vision_model, pixels[rows], None if patches is None else patches[rows], block
            )
            images = model.visual_projection(pooled)
            read = model.text_model(**{name: value[lines] for name, value in texts.items()})
            return images, model.text_projection(read.pooler_output), tokens

    encoded = list(pool.map(one, range(parts)))
    leaves = [torch.cat([part[i].detach() for part in encoded]).requires_grad_() for i in range(3)]
    return Encoded(images=leaves[0], texts=leaves[1], tokens=leaves[2], parts=encoded, pool=pool)
