"""The linear map by which a tower reads its embedding off the stream, for one input.

With the last norm's statistics, the length of the vector and a pooling head's pattern taken from
the forward pass, it is exact (Gandelsman et al. 2024, arXiv:2310.05916). What is written at token
``t`` becomes ``sum_p weights[p, t] up_p down_p centre(w)``, where ``p`` runs over the heads of a
pooling head, or over the one token that the tower pools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipprobe.attribution.readout import TowerReadout

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip


class Reader:
    """Reads vectors of the stream of one input as vectors of the joint space, in float64.

    Args:
        final: The stream before the last norm, ``(t, d)``.
        projected: The tower's output before it is normalised, ``(e,)``.
        token: The token that the tower pools; None where a head pools all.
    Raises:
        UnsupportedHookError: the tower is not read linearly.
    """

    def __init__(
        self, clip: Clip, tower: str, final: Tensor, projected: Tensor, token: int | None
    ) -> None:
        import torch

        readout = TowerReadout(clip, tower, "cosine")
        x = final.double()
        self.gain, self.shift = readout.gain, readout.shift
        self.share = 1 / projected.double().norm()
        inverse = (x.var(dim=-1, unbiased=False) + readout.epsilon).rsqrt()  # t
        self.matrix = readout.matrix * self.share  # e p
        self.constants = {"projection bias": readout.offset * self.share}
        head = readout.head
        if head is None:
            weights = torch.zeros(1, len(x), dtype=torch.float64, device=x.device)
            weights[0, token] = 1.0
            self.down: Tensor | None = None
            self.up: Tensor | None = None
            self.constants["norm bias"] = self.matrix @ self.shift
        else:
            normed = (x - x.mean(-1, keepdim=True)) * inverse[:, None] * self.gain + self.shift
            pattern, inner = head.attend(normed[None])
            weights = pattern[0]
            self.down = head.value  # p k d
            self.up = torch.einsum("ed,dpk->pek", self.matrix, head.out)
            self.constants["pooling head bias"] = self.matrix @ head.bias
            self.constants["pooling head mlp"] = self.matrix @ inner[0]
            shifted = torch.einsum("pkd,d->pk", self.down, self.shift)
            self.constants["norm bias"] = torch.einsum("pek,pk->e", self.up, shifted)
        self.weights = weights * inverse  # p t

    def centred(self, written: Tensor) -> Tensor:
        """What the norm lets through of vectors ``(..., d)``: less their mean, times the gain."""
        x = written.double()
        scaled: Tensor = (x - x.mean(dim=-1, keepdim=True)) * self.gain
        return scaled

    def mixed(self, vectors: Tensor, weights: Tensor) -> Tensor:
        """``(u, d)`` vectors, each with weights ``(p, u)`` of the pooled places, to ``(u, e)``."""
        import torch

        x = self.centred(vectors)
        if self.down is None or self.up is None:
            product: Tensor = (x * weights[0][:, None]) @ self.matrix.T
            return product
        inner = torch.einsum("ud,pkd->puk", x, self.down) * weights[..., None]
        return torch.einsum("puk,pek->ue", inner, self.up)

    def of_stream(self, written: Tensor) -> Tensor:
        """The vector ``(e,)`` of what was written at every token, ``(t, d)``."""
        return self.mixed(written, self.weights).sum(dim=0)
