"""Norms taken exactly: what the gradient leaves out of a removal and costs no further pass.

A unit writes ``d`` to the residual stream, from where it reaches every later layer norm along the
stream itself. What the norm then gives is known in closed form, because the norm of ``x + d``
depends on ``x d`` and ``d d`` alone; the gradient has it to first order only, which is far off
where ``d`` is not small beside ``x``. With ``g`` the derivative of the score by what a norm gives,
from the one backward pass, each norm adds

    g (norm(x + d) - norm(x)) - g (the norm's derivative) d

to what attribution patching predicts, and the last one the same with the projection and the length
of the embedding: there the score itself is known. What later blocks make of the change, and what
reaches a norm through other blocks, stays to first order. For units that write in the last block
and are read by norms alone the prediction is the removal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.anatomy import listening
from clipprobe.arrays import Floats
from clipprobe.attribution.readout import TowerReadout
from clipprobe.errors import UnsupportedHookError
from clipprobe.neurons.effects.direct import written_columns
from clipprobe.neurons.effects.norms.reads import ColumnWrites, VectorWrites, of_norm, of_score
from clipprobe.tracing.parts import TowerParts

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip
    from clipprobe.tracing import Score

_FINAL = "final"
#: Parts of edits that leave the way from a write to the score as it was built; all others (changed
#: activations, averaged views, parts of other packages) may not, so they keep the gradient.
_LEAVING_THE_STREAM = frozenset(
    "mask image-token text-prefix projection weights derived-point centred-classes "
    "class-projection class-offsets".split()
)
_CHUNK = 256  # units at a time, for memory
_HEADS = ("attn.z", "attn.head_out")
#: Site -> how many norms of its block come before what it writes.
_NORMS_BEFORE = {
    "resid_pre": 0,
    **dict.fromkeys((*_HEADS, "attn.out", "resid_mid"), 1),
    **dict.fromkeys(("mlp.post", "mlp.out", "resid_post"), 2),
}


class ExactNorms:
    """The correction for the units of one tower.

    Raises:
        UnsupportedHookError: the tower has no stream that layer norms read, or an edit or an open
            intervention changes activations on the way; says why.
    """

    def __init__(self, clip: Clip, tower: str) -> None:
        from torch import nn

        kinds = {note.kind for note in clip.network.edits}
        if not kinds <= _LEAVING_THE_STREAM or listening.edits(clip.module):
            raise UnsupportedHookError(
                f"An edit changes {clip.id} on the way from its units to the score, so what norms "
                "give after a removal has no closed form here."
            )
        self.clip = clip
        self.parts = TowerParts(clip, tower, "cosine")
        self.readout: TowerReadout = self.parts.readout
        norms: dict[str, Any] = {}
        for index, block in enumerate(self.readout.tower.blocks):
            norms |= {f"{index}.pre": block.norm_pre, f"{index}.mid": block.norm_mid}
        norms[_FINAL] = self.readout.tower.norm_final
        if not all(isinstance(one, nn.LayerNorm) for one in norms.values()):
            raise UnsupportedHookError(
                f"Norms of the {tower} tower of {clip.id} are not layer norms, so what they give "
                "after a removal has no closed form here."
            )
        self.norms: dict[str, nn.Module] = norms

    def beyond_first_order(
        self,
        point: HookPoint,
        change: Tensor,
        units: Sequence[int],
        inside: Mapping[str, Tensor],
        slopes: Sequence[Mapping[str, Tensor]],
        scores: Sequence[Score],
    ) -> Floats:
        """``(b, m, u)``: what the norms add to the first order, in cosines.

        Args:
            change: What replaces the activations of the hook point, less the activations.
            inside: Name -> input of the norm. slopes: Per score, by the norm's output.
        Returns:
            Zeros for units that do not write to the stream themselves.
        """
        import torch

        total = np.zeros((len(change), len(scores), len(units)))
        if point.block is None or point.read_site not in _NORMS_BEFORE:
            return total
        targets = torch.tensor(np.stack([np.asarray(one.direction) for one in scores])).double()
        first = 2 * point.block + _NORMS_BEFORE[point.read_site]
        for start in range(0, len(units), _CHUNK):
            some = slice(start, start + _CHUNK)
            writes = self._writes(point, point.block, change, list(units[some]))
            if writes is None:
                break
            added = []
            for name in list(self.norms)[first:]:
                reads = [one[name] for one in slopes]
                if name == _FINAL and self.readout.head is None:
                    token = self._pooled_token(reads)
                    targets = targets.to(reads[0].device)
                    added.append(of_score(self.readout, inside[name], token, writes, targets))
                else:
                    added.append(of_norm(self.norms[name], inside[name], writes, reads))
            total[..., some] = torch.stack(added).sum(dim=0).cpu().numpy()
        return total

    def _pooled_token(self, slopes: Sequence[Tensor]) -> Tensor:
        """Per input, the only token that the score depends on."""
        import torch

        if slopes[0].ndim == 2:  # the norm comes after pooling
            return torch.zeros(len(slopes[0]), dtype=torch.long, device=slopes[0].device)
        return torch.stack([one.abs().sum(dim=-1) for one in slopes]).sum(dim=0).argmax(dim=-1)

    def _writes(
        self, point: HookPoint, index: int, change: Tensor, units: list[int]
    ) -> ColumnWrites | VectorWrites | None:
        own = change[:, :, units].float()
        if point.base is not None or point.site not in _HEADS:
            columns = written_columns(self.parts, self.clip, point)
            return None if columns is None else ColumnWrites(own, columns[:, units].to(own))
        if point.site == "attn.head_out":
            return VectorWrites(own, None)
        block = self.readout.tower.blocks[index]
        out: Any = block.out
        if not hasattr(out, "weight"):
            return None
        weight = out.weight.detach().view(-1, block.n_heads, block.d_head)  # d h k
        return VectorWrites(own, weight[:, units].to(own))
