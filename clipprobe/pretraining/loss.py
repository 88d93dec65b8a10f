"""The losses: CLIP's symmetric contrastive loss, and the auxiliary letter loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipprobe.pretraining.reading import ALPHABET, IGNORE

#: The paper clips the learned temperature so that logits are never scaled by more (sec. 2.5).
MAX_SCALE = 100.0


def contrastive_loss(images: Tensor, texts: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric cross-entropy over the batch (Radford et al. 2021, fig. 3).

    Args:
        images, texts: ``(n, d)`` embeddings, any length.
        log_scale: Learned log temperature, 0-d; clamped at ``log(100)``.
    Returns:
        The loss, and the logits ``(n, n)``, images in rows.
    """
    scale = log_scale.clamp(max=math.log(MAX_SCALE)).exp()
    logits = scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2, logits


class LetterHead(nn.Module):
    """Asks each patch for the letter whose middle it holds; thrown away after training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.letters = nn.Linear(width, len(ALPHABET) + 1)

    def forward(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and share of letters named right.

        Args:
            tokens: ``(n, 1 + h * w, d)`` with the class token first.
            targets: ``(n, h, w)`` letter indices; images of :data:`IGNORE` alone are left out.
        """
        flat = targets.flatten(1)
        used = (flat != IGNORE).any(dim=1)
        logits = self.letters(self.norm(tokens[used, 1:]))  # (m, h * w, 27)
        wanted = flat[used]
        is_letter = wanted < len(ALPHABET)
        # Empty patches outnumber letters by ten to one; without weights they drown them.
        weight = torch.ones(len(ALPHABET) + 1, device=logits.device)
        weight[-1] = 0.1
        loss = F.cross_entropy(logits.transpose(1, 2), wanted, weight=weight)
        right = (logits.argmax(-1) == wanted)[is_letter].float().mean()
        return loss, right
