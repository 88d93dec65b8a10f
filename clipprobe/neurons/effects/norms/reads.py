"""What a layer norm, or the score after the last one, makes of writes: exact, less first order.

A write changes the norm's scale by its products with the norm's input and with itself, and what is
read by its product with the read; nothing else of it is needed. ``b`` inputs, ``t`` tokens, ``u``
units, ``d`` width, ``e`` width of the embedding, ``m`` scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.attribution.readout import TowerReadout


class ColumnWrites:
    """Units that write a number times a column each: ``(b, t, u)`` and ``(d, u)``."""

    def __init__(self, change: Tensor, columns: Tensor) -> None:
        self.change = change
        self.columns = columns - columns.mean(dim=0)

    def products(self, x: Tensor, reads: Sequence[Tensor]) -> list[Tensor]:
        """``(b, t, u)`` each: with x, with itself, with every read."""
        own = self.change.square() * self.columns.square().sum(dim=0)
        along, *heights = (self.change * (one @ self.columns) for one in (x, *reads))
        return [along, own, *heights]

    def at(self, token: Tensor) -> Tensor:
        """``(b, u, d)`` in float64: what is written at one token of each input."""
        return _rows(self.change, token).double()[..., None] * self.columns.double().T


class VectorWrites:
    """Units that write vectors: ``(b, t, u, d)``, or ``(b, t, u, k)`` and a map ``(d, u, k)``."""

    def __init__(self, change: Tensor, weight: Tensor | None) -> None:
        self.change, self.weight = change, weight

    def _of(self, change: Tensor, unit: int) -> Tensor:
        written = change if self.weight is None else change @ self.weight[:, unit].T
        return written - written.mean(dim=-1, keepdim=True)

    def products(self, x: Tensor, reads: Sequence[Tensor]) -> list[Tensor]:
        """As of columns; one unit's vectors are held at a time."""
        import torch

        by_unit = []
        for unit in range(self.change.shape[2]):
            written = self._of(self.change[:, :, unit], unit)
            by_unit.append([(one * written).sum(dim=-1) for one in (x, written, *reads)])
        return [torch.stack(column, dim=-1) for column in zip(*by_unit, strict=True)]

    def at(self, token: Tensor) -> Tensor:
        """As of columns."""
        import torch

        there = _rows(self.change, token)
        written = [self._of(there[:, unit], unit) for unit in range(there.shape[1])]
        return torch.stack(written, dim=1).double()


def of_norm(
    norm: Any, x: Tensor, writes: ColumnWrites | VectorWrites, slopes: Sequence[Tensor]
) -> Tensor:
    """``(b, m, u)``: for all tokens that a norm reads.

    Args:
        x: The norm's input, ``(b, t, d)``. slopes: Per score, the derivative by its output.
    """
    import torch

    x = _centred(x.float())
    reads = [_centred(slope.float() * norm.weight.float()) for slope in slopes]
    variance = x.square().mean(dim=-1, keepdim=True) + norm.eps  # b t 1
    along, own, *heights = writes.products(x, reads)
    size = x.shape[-1] * variance
    growth = (2 * along + own) / size  # of the variance
    root = (1 + growth).clamp_min(0).sqrt()
    change = -growth / (root * (1 + root))  # of one over the scale
    added = []
    for read, height in zip(reads, heights, strict=True):
        level = (read * x).sum(dim=-1, keepdim=True)
        beyond = (level * (change + along / size) + height * change) / variance.sqrt()
        added.append(beyond.sum(dim=1))
    return torch.stack(added, dim=1).double()


def of_score(
    readout: TowerReadout,
    x: Tensor,
    token: Tensor,
    writes: ColumnWrites | VectorWrites,
    targets: Tensor,
) -> Tensor:
    """``(b, m, u)``: through the last norm, the projection and the length of the embedding.

    Args:
        x: Input of the last norm, ``(b, t, d)`` or ``(b, d)``. token: ``(b,)``, which is pooled.
        targets: ``(m, e)``, what the score is the cosine with.
    """
    import torch

    x = _centred((x if x.ndim == 2 else _rows(x, token)).double())[:, None]  # b 1 d
    written = writes.at(token)  # b u d
    scale = (x.square().mean(dim=-1, keepdim=True) + readout.epsilon).sqrt()
    after = ((x + written).square().mean(dim=-1, keepdim=True) + readout.epsilon).sqrt()
    along = (x * written).mean(dim=-1, keepdim=True)
    through = (readout.matrix * readout.gain).T  # d e
    offset = readout.matrix @ readout.shift + readout.offset
    clean, mapped = x @ through, written @ through  # b 1 e, b u e
    before = clean / scale + offset
    changed = (clean + mapped) / after + offset
    slope = mapped / scale - clean * along / scale**3
    length = before.norm(dim=-1, keepdim=True)
    unit = before / length
    exact = changed / changed.norm(dim=-1, keepdim=True) - unit
    first = (slope - unit * (unit * slope).sum(dim=-1, keepdim=True)) / length
    return torch.einsum("bue,me->bmu", exact - first, targets)


def _rows(values: Tensor, token: Tensor) -> Tensor:
    """One token of each input."""
    import torch

    return values[torch.arange(len(values), device=values.device), token]


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(dim=-1, keepdim=True)
