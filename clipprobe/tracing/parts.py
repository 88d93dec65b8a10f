"""The parts of a tower that write to its residual stream, and each one's share of a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clipprobe.arrays import Floats
from clipprobe.attribution.readout import Readout, ScoreName, TowerReadout
from clipprobe.errors import UnsupportedHookError
from clipprobe.tracing.inputs import InputBatch, Inputs

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.anatomy.parts import Block
    from clipprobe.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BatchActivations:
    """One batch after its forward pass.

    ``acts``: hook point -> activations with a token axis (one token where one is pooled).
    ``readout``: the linear map of the batch.
    ``totals``: ``(b, m)`` scores of the model.
    """

    acts: Mapping[str, Tensor]
    readout: Readout
    totals: Floats


class TowerParts:
    """What a tower writes to its stream, and how a batch's scores are made of it."""

    def __init__(
        self, clip: Clip, tower: str, score: ScoreName = "logit", *, tokens: bool = False
    ) -> None:
        self.clip = clip
        self.readout = TowerReadout(clip, tower, score)
        self.tower = self.readout.tower
        self.tokens = tokens
        fused = any(block.q is None or block.out is None for block in self.tower.blocks)
        if tokens and fused:
            raise UnsupportedHookError(
                f"The attention of {clip.id} fuses q, k and v, so what a head moves from each "
                "token cannot be seen: leave tokens out."
            )
        if tokens and self.readout.head is not None:
            raise UnsupportedHookError(
                f"The {tower} tower of {clip.id} pools all tokens, so a head's part has both a "
                "source and a destination token, which is not kept: leave tokens out."
            )

    def attention_site(self, index: int) -> str:
        """``head_out``, or ``attn.out`` where heads are fused."""
        block = self.tower.blocks[index]
        site = "attn.out" if block.out is None else "attn.head_out"
        return f"{self.tower.name}.blocks.{index}.{site}"

    def mlp_site(self, index: int) -> str:
        """``mlp.post``, or ``mlp.out`` where the output map is not the neurons' own."""
        site = "mlp.out" if self.tower.columns(index) is None else "mlp.post"
        return f"{self.tower.name}.blocks.{index}.{site}"

    def sites(self) -> list[str]:
        """The hook points with a token axis that a decomposition reads."""
        names = [f"{self.tower.name}.blocks.0.resid_pre", self.readout.final_name()]
        for index in range(len(self.tower.blocks)):
            names += [self.attention_site(index), self.mlp_site(index)]
            if self.tokens:
                names.append(f"{self.tower.name}.blocks.{index}.attn.pattern")
        return names

    def run(
        self, inputs: Inputs, batch: InputBatch, targets: Tensor, *, also: Sequence[str] = ()
    ) -> BatchActivations:
        """One forward pass of a batch.

        Args:
            also: More hook points with a token axis that are read.
        """
        from clipprobe.hooks import capture

        pool = self.readout.pool
        projected = f"{self.tower.name}.projected"
        values = [
            f"{self.tower.name}.blocks.{index}.attn.v"
            for index in range(len(self.tower.blocks) if self.tokens else 0)
        ]
        with (
            capture(self.clip, [*dict.fromkeys([*self.sites(), *also])], pool=pool) as block_acts,
            capture(self.clip, [projected, *values]) as others,
        ):
            unit = inputs.run(batch)
        acts = dict(block_acts)
        if pool != "none":
            acts = {
                name: value if name.endswith("attn.pattern") else value.unsqueeze(1)
                for name, value in acts.items()
            }
        acts |= {name: others[name] for name in values}
        totals = unit.double() @ targets.double().T * self.readout.scale + self.readout.bias
        readout = self.readout(acts[self.readout.final_name()], others[projected], targets)
        return BatchActivations(acts=acts, readout=readout, totals=totals.cpu().numpy())

    def tangent(self, inputs: Inputs, batch: InputBatch, targets: Tensor) -> Readout:
        """The score's derivative by the final stream, in the form of a readout.

        Unlike the exact readout, the norm's scale, the length of the projected vector and a pooling
        head's pattern move with the stream: to first order, what taking a small part out does.
        """
        import torch

        from clipprobe.hooks import capture

        name = self.readout.final_name()
        with torch.enable_grad(), capture(self.clip, [name], grad=True) as acts:
            unit = inputs.run(batch, grad=True)
            scores = unit @ targets.to(unit).T * self.readout.scale
            columns = [
                torch.autograd.grad(column.sum(), acts[name], retain_graph=True)[0]
                for column in scores.unbind(dim=-1)
            ]
        read = torch.stack(columns, dim=2).double()  # b t m d
        if self.readout.pool != "none":  # zero on every token but the pooled one
            read = read.sum(dim=1, keepdim=True)
        return Readout(read=read, constants={})

    def terms(self, seen: BatchActivations) -> dict[str, Floats]:
        """Name -> ``(b, m)``, in the order of a forward pass; they sum to the totals."""
        read = seen.readout
        first = f"{self.tower.name}.blocks.0.resid_pre"
        terms: dict[str, Tensor] = {"embed": read.of(seen.acts[first])}
        for index, block in enumerate(self.tower.blocks):
            site = self.attention_site(index)
            written = seen.acts[site]
            if block.out is None:
                terms[site] = read.of(written)
            else:
                heads = read.of_units(written)
                terms |= {f"{site}:{h}": heads[..., h] for h in range(heads.shape[-1])}
                self._bias(terms, read, block.out, f"{site} bias", written)
            mlp = self.mlp_site(index)
            name = f"{self.tower.name}.blocks.{index}.mlp.out"
            weight = self.tower.columns(index)
            if weight is None:
                terms[name] = read.of(seen.acts[mlp])
            else:
                terms[name] = read.of(seen.acts[mlp].double() @ weight.double().T)
                self._bias(terms, read, block.mlp_out, f"{name} bias", seen.acts[mlp])
        terms |= dict(read.constants)
        return {name: value.cpu().numpy() for name, value in terms.items()}

    def neurons(self, seen: BatchActivations) -> dict[str, Floats]:
        """``mlp.post`` hook point -> ``(b, m, d_mlp)``."""
        neurons = {}
        for index in range(len(self.tower.blocks)):
            weight = self.tower.columns(index)
            if weight is not None:
                site = self.mlp_site(index)
                values = seen.readout.of_columns(seen.acts[site], weight)
                neurons[site] = values.cpu().numpy()
        return neurons

    def moved(self, seen: BatchActivations) -> dict[str, Floats]:
        """``attn.head_out`` hook point -> ``(b, m, n_heads, t)``; empty unless asked for."""
        if not self.tokens:
            return {}
        found = {}
        for index, block in enumerate(self.tower.blocks):
            prefix = f"{self.tower.name}.blocks.{index}.attn"
            pattern, values = seen.acts[f"{prefix}.pattern"], seen.acts[f"{prefix}.v"]
            moved = _moved(block, pattern, values, seen.readout.read[:, 0])
            found[self.attention_site(index)] = moved.cpu().numpy()
        return found

    def _bias(
        self, terms: dict[str, Tensor], read: Readout, module: Any, name: str, like: Tensor
    ) -> None:
        bias: Tensor | None = getattr(module, "bias", None)
        if bias is not None:
            terms[name] = read.of(bias.expand(*like.shape[:2], -1))


def _moved(block: Block, pattern: Tensor, values: Tensor, read: Tensor) -> Tensor:
    """Pattern ``(b, h, t)`` of the pooled token, values ``(b, t, h, k)``, read ``(b, m, d)``."""
    import torch

    out: Any = block.out
    weight = out.weight.double().view(-1, block.n_heads, block.d_head)  # d h k
    directions = torch.einsum("bmd,dhk->bmhk", read, weight)
    worth = torch.einsum("bthk,bmhk->bmht", values.double(), directions)
    return worth * pattern.double()[:, None]
