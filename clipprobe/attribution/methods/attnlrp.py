"""AttnLRP: share the score out backwards so that, constants included, nothing is lost.

Achtibat et al. 2024 (ICML, arXiv:2402.05602): layer norms pass relevance with their scale held
fixed, a non-linearity as the factor that it applies, a product in halves to its two factors, a
softmax by its own gradient. Written as gradient times input of a twin pass with these rules.

Biases take relevance of their own, which stays with the token that they were added at. What the
rule of the softmax absorbs, the class token's share and a pooling head's query belong to no patch:
they are the map's ``constant``, and map and constant sum to the score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.attribution.job import as_floats
from clipprobe.attribution.pooling_head import pooling_head
from clipprobe.attribution.registry import CLASS_TOKEN, POOLING_HEAD, Maps, Method
from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.anatomy.parts import Block
    from clipprobe.attribution.job import Job

_PARTS = ("layer_norm1", "layer_norm2", "mlp")
_TOLERANCE = 1e-3


def attnlrp(job: Job) -> Maps:
    """Relevance of every patch at the stream before the first block.

    Raises:
        UnsupportedHookError: the blocks are not of the known form, or the twin pass does not give
            the model's score.
    """
    import torch

    _check_blocks(job)
    name = "vision.blocks.0.resid_pre"
    start = job.trace([name]).of_pairs(name).clone().requires_grad_()
    scores = job.scores()
    with torch.enable_grad():
        twin = _Twin(start)
        stream = start
        for block in job.clip.anatomy.vision.blocks:
            stream = twin.block(block, stream)
        read = _read_off(job, twin, stream)
        gap = float((read.detach().cpu().double() - torch.from_numpy(scores)).abs().max())
        if gap > _TOLERANCE:
            raise UnsupportedHookError(
                f"The blocks of {job.clip.id} are not of the known form: the score computed with "
                f"them differs by {gap:.2g}, so attnlrp has no map. Use integrated_gradients."
            )
        tokens, constants = twin.relevance(read.sum())
    first = job.first_patch
    return Maps(
        values=job.on_grid(tokens[:, first:]),
        units="{score}; map and constant sum to it",
        baseline_scores=np.zeros_like(scores),
        constants=as_floats(constants + tokens[:, :first].sum(dim=1)),
    )


class _Twin:
    """A forward pass under the rules, which remembers everything that takes relevance."""

    def __init__(self, start: Tensor) -> None:
        self.start = start
        self.biases: list[Tensor] = []
        """Leaves ``(p, t, ...)``, with the tokens of the stream."""
        self.constants: list[Tensor] = []
        """Leaves ``(p, ...)`` that belong to no token."""
        self.softmaxes: list[tuple[Tensor, Tensor]] = []

    def block(self, block: Block, x: Tensor) -> Tensor:
        """A pre-norm block on the stream ``(p, t, d)``."""
        import torch

        module: Any = block.module

        def heads(projection: Any, normed: Tensor) -> Tensor:
            flat = self.linear(projection, normed)
            return torch.unflatten(flat, -1, (block.n_heads, block.d_head))

        normed = self.norm(module.layer_norm1, x)
        q, k, v = (heads(part, normed) for part in (block.q, block.k, block.v))
        x = x + self.linear(block.out, self.attend(q, k, v, block.scale))
        return x + self.mlp(module.mlp, self.norm(module.layer_norm2, x))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Mixtures ``(p, q, h * k)``."""
        import torch

        logits = torch.einsum("bqhk,bthk->bhqt", _half(q), _half(k)) * scale
        pattern = logits.softmax(dim=-1)
        self.softmaxes.append((logits, pattern))
        return torch.einsum("bhqt,bthk->bqhk", _half(pattern), _half(v)).flatten(2)

    def mlp(self, module: Any, x: Tensor, constant: bool = False) -> Tensor:
        """Two linear maps with a non-linearity that passes relevance as a factor."""
        inner = self.linear(module.fc1, x, constant)
        with_factor = inner * _factor(module.activation_fn, inner.detach())
        return self.linear(module.fc2, with_factor, constant)

    def norm(self, module: Any, x: Tensor, constant: bool = False) -> Tensor:
        """A layer norm whose scale is held fixed."""
        inverse = (x.var(dim=-1, unbiased=False, keepdim=True) + module.eps).rsqrt().detach()
        centred: Tensor = (x - x.mean(dim=-1, keepdim=True)) * inverse * module.weight
        return centred + self.leaf(module.bias, centred, constant)

    def linear(self, module: Any, x: Tensor, constant: bool = False) -> Tensor:
        """A linear map whose bias takes relevance."""
        return self.affine(x, module.weight, module.bias, constant)

    def affine(self, x: Tensor, weight: Tensor, bias: Tensor | None, constant: bool) -> Tensor:
        """The same, of bare matrices."""
        from torch.nn import functional

        mapped = functional.linear(x, weight)
        return mapped if bias is None else mapped + self.leaf(bias, mapped, constant)

    def leaf(self, value: Tensor, like: Tensor, constant: bool) -> Tensor:
        """A constant of the model, of its own for every place, that takes relevance."""
        leaf = value.detach().expand_as(like).clone().requires_grad_()
        (self.constants if constant else self.biases).append(leaf)
        return leaf

    def relevance(self, total: Tensor) -> tuple[Tensor, Tensor]:
        """Relevance of the tokens ``(p, t)``, and of what belongs to none, ``(p,)``."""
        import torch

        leaves = [self.start, *self.biases, *self.constants]
        inner = [part for pair in self.softmaxes for part in pair]
        gradients = torch.autograd.grad(total, leaves + inner, allow_unused=True)
        shares = [
            torch.zeros(len(self.start), dtype=torch.float64, device=value.device)
            if gradient is None
            else (value.detach().double() * gradient.double()).flatten(2).sum(dim=-1)
            for value, gradient in zip(leaves + inner, gradients, strict=True)
        ]
        n_tokens, n_biases = self.start.shape[1], len(self.biases)
        tokens = shares[0]
        for share in shares[1 : 1 + n_biases]:
            tokens = tokens + (share if share.ndim == 2 else 0)
        assert tokens.shape[1] == n_tokens
        constants = torch.zeros_like(tokens[:, 0])
        for share in shares[1 + n_biases : len(leaves)]:
            constants = constants + (share.sum(dim=1) if share.ndim == 2 else 0)
        into, out = shares[len(leaves) :: 2], shares[len(leaves) + 1 :: 2]
        for before, after in zip(into, out, strict=True):
            if after.ndim == 2:
                constants = constants + (after - before).sum(dim=1)
        return tokens, constants


def _read_off(job: Job, twin: _Twin, stream: Tensor) -> Tensor:
    """The pairs' scores ``(p,)`` from the final stream, with the vector's length held fixed."""
    import torch

    tower, norm = job.clip.anatomy.vision, job.clip.anatomy.vision.norm_final
    if tower.pool_token == "cls":
        pooled = twin.norm(norm, stream[:, :1], constant=True)[:, 0]
    else:
        module: Any = pooling_head(job.clip)
        attention = module.attention
        tokens = twin.norm(norm, stream)
        width, heads = tokens.shape[-1], attention.num_heads
        weights = attention.in_proj_weight.split(width)
        biases = attention.in_proj_bias.split(width)
        probe = twin.leaf(module.probe, tokens[:, :1], constant=True)
        q = twin.affine(probe, weights[0], biases[0], True)
        k, v = (twin.affine(tokens, weights[i], biases[i], False) for i in (1, 2))
        q, k, v = (torch.unflatten(part, -1, (heads, width // heads)) for part in (q, k, v))
        mixed = twin.attend(q, k, v, (width // heads) ** -0.5)
        attended = twin.linear(attention.out_proj, mixed, constant=True)
        inner = twin.mlp(module.mlp, twin.norm(module.layernorm, attended, True), True)
        pooled = (attended + inner)[:, 0]
    projected = job.clip.adapter.vision_projected(pooled).float()
    length = projected.detach().norm(dim=-1)
    scores: Tensor = (projected * job.directions).sum(dim=-1) / length
    return scores


def _half(x: Tensor) -> Tensor:
    """The same value with half the gradient."""
    return 0.5 * x + 0.5 * x.detach()


def _factor(activation: Any, x: Tensor) -> Tensor:
    """What a non-linearity multiplies its input with; at 0 its slope, 1/2 for GELU."""
    import torch

    near = x.abs() < 1e-6
    return torch.where(near, torch.full_like(x, 0.5), activation(x) / torch.where(near, 1.0, x))


def _check_blocks(job: Job) -> None:
    for block in job.clip.anatomy.vision.blocks:
        if not all(hasattr(block.module, part) for part in _PARTS):
            raise UnsupportedHookError(
                f"The blocks of {job.clip.id} are not of the known form, so attnlrp has no rules "
                "for them: use integrated_gradients."
            )


ATTNLRP = Method(
    run=attnlrp,
    title="AttnLRP",
    paper="Achtibat et al. 2024, arXiv:2402.05602",
    towers=(CLASS_TOKEN, POOLING_HEAD),
    of_units=False,
    needs=lambda job: ["vision.blocks.0.resid_pre"],
    cost="2 and a backward pass",
)
