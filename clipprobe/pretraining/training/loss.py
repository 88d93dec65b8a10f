"""The losses: CLIP's symmetric contrastive loss, and the auxiliary letter loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipprobe.pretraining.reading import ALPHABET, IGNORE

#: The paper clips the learned temperature so that logits are never scaled by more (sec. 2.5).
MAX_SCALE = 100.0
#: Weight of the letters beside, against the letter itself.
NEIGHBOUR_WEIGHT = 0.5


def contrastive_loss(
    images: Tensor,
    texts: Tensor,
    log_scale: Tensor,
    owners: Tensor | None = None,
    also: Sequence[tuple[int, int]] = (),
) -> tuple[Tensor, Tensor]:
    """Symmetric cross-entropy over the batch (Radford et al. 2021, fig. 3).

    An image can have several texts: each is told from the texts of others, never from its
    siblings, and all weigh the same. A text of no image is only what others are told from.

    Args:
        images, texts: ``(n, d)`` and ``(m, d)`` embeddings, any length.
        log_scale: Learned log temperature, 0-d; clamped at ``log(100)``.
        owners: The image that each text belongs to, ``(m,)``, -1 for none; by default the n-th
            text to the n-th image. Each image has at least one.
        also: Images and texts that match without belonging together; they count neither way.
    Returns:
        The loss, and the logits ``(n, m)``, images in rows.
    """
    scale = log_scale.clamp(max=math.log(MAX_SCALE)).exp()
    logits = scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T
    if owners is None:
        owners = torch.arange(len(logits), device=logits.device)
    owned = torch.nonzero(owners >= 0).squeeze(1)  # texts that have an image
    image = owners[owned]
    match = logits[image, owned]
    mine = owners[None, :] == torch.arange(len(logits), device=logits.device)[:, None]  # (n, m)
    for row, column in also:
        mine[row, column] = True
    others = logits.masked_fill(mine, -math.inf)
    among_texts = torch.logaddexp(match, others.logsumexp(dim=1)[image]) - match
    among_images = torch.logaddexp(match, others.logsumexp(dim=0)[owned]) - match
    return (among_texts + among_images).mean() / 2, logits


class LetterHead(nn.Module):
    """Asks each patch for the letter whose middle it holds and for its neighbours.

    Thrown away after training.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.letters = nn.Linear(width, 3 * (len(ALPHABET) + 1))

    def forward(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, share of letters named right, share of their neighbours named right.

        Args:
            tokens: ``(n, 1 + t, d)`` with the class token first.
            targets: ``(n, t, 3)`` letter before, letter, letter after; images of :data:`IGNORE`
                alone are left out.
        """
        used = (targets != IGNORE).flatten(1).any(dim=1)
        expected = targets[used]  # (m, t, 3)
        n_names = len(ALPHABET) + 1
        logits = self.letters(self.norm(tokens[used, 1:])).unflatten(-1, (3, n_names))
        # Empty patches outnumber letters by ten to one; without weights they drown them.
        weight = torch.ones(n_names, device=logits.device)
        weight[-1] = 0.1
        own = F.cross_entropy(logits[:, :, 1].flatten(0, 1), expected[..., 1].flatten(), weight)
        beside = F.cross_entropy(logits[:, :, ::2].flatten(0, 2), expected[..., ::2].flatten())
        right = logits.argmax(-1) == expected
        is_letter = (expected[..., 1] >= 0) & (expected[..., 1] < len(ALPHABET))
        is_beside = expected[..., ::2] >= 0
        return (
            own + NEIGHBOUR_WEIGHT * beside,
            right[..., 1][is_letter].float().mean(),
            right[..., ::2][is_beside].float().mean(),
        )
