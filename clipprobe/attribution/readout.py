"""How a tower reads its score off the residual stream: a linear map, once its scales are fixed.

With the last layer norm's mean and scale, the length of the projected vector and (where a head
pools over tokens) the attention pattern taken from the forward pass, the score is linear in
everything that was written to the stream, and the map is exact for that input (Gandelsman et al.
2024, "Interpreting CLIP's Image Representation via Text-Based Decomposition", ICLR,
arXiv:2310.05916, section 3). What is held fixed is the limit of it: a change of the input, or an
ablation, also changes those scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clipprobe.attribution.pooling_head import find_head
from clipprobe.errors import ConfigError, UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.anatomy.parts import Tower
    from clipprobe.models import Clip

ScoreName = Literal["logit", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readout:
    """The linear map of one batch, float64.

    ``read``: ``(b, t, m, d)``; what is written at token ``t`` counts ``<written, read>`` in the
    score with target ``m``. ``t`` is 1 where the tower pools one token.
    ``constants``: what does not come from the stream, name -> ``(b, m)``.
    """

    read: Tensor
    constants: Mapping[str, Tensor]

    def of(self, written: Tensor) -> Tensor:
        """``(b, t, d)`` written to the stream -> ``(b, m)`` of the score."""
        import torch

        return torch.einsum("btd,btmd->bm", written.double(), self.read)

    def of_units(self, written: Tensor) -> Tensor:
        """``(b, t, u, d)``, what each unit wrote -> ``(b, m, u)``."""
        import torch

        return torch.einsum("btud,btmd->bmu", written.double(), self.read)

    def of_columns(self, activations: Tensor, weight: Tensor) -> Tensor:
        """Neurons: activations ``(b, t, u)``, columns ``(d, u)`` of their output map -> (b, m, u).

        A neuron writes its activation times its column.
        """
        import torch

        weights_read = torch.einsum("btmd,du->btmu", self.read, weight.double())
        return torch.einsum("btu,btmu->bmu", activations.double(), weights_read)


class TowerReadout:
    """Makes the readout of a batch of one tower.

    Args:
        tower: ``vision`` or ``text``.
        score: ``logit`` (scale times cosine plus bias) or ``cosine``.
    Raises:
        UnsupportedHookError: the tower has no residual stream that is read linearly; says why.
    """

    def __init__(self, clip: Clip, tower: str, score: ScoreName = "logit") -> None:
        if score not in ("logit", "cosine"):
            raise ConfigError(f"A score is 'logit' or 'cosine', but {score!r} was given.")
        self.clip = clip
        self.tower = clip.anatomy.tower(tower)
        self.scale = float(clip.scale) if score == "logit" else 1.0
        self.bias = float(clip.bias) if score == "logit" else 0.0
        self.head = _check(clip, self.tower)
        self.matrix, self.offset = _projection(clip, self.tower)  # (e, p), (e,)
        norm: Any = self.tower.norm_final
        self.gain, self.shift = norm.weight.double(), norm.bias.double()
        self.epsilon = float(norm.eps)

    @property
    def pool(self) -> str:
        """How block activations are captured: the pooled token alone, or ``none`` for all."""
        if self.head is not None:
            return "none"
        return "cls" if self.tower.pool_token == "cls" else "eos"

    def final_name(self) -> str:
        """The hook point whose value the last layer norm gets."""
        return f"{self.tower.name}.blocks.{len(self.tower.blocks) - 1}.resid_post"

    def __call__(self, final: Tensor, projected: Tensor, targets: Tensor) -> Readout:
        """The map of one batch.

        Args:
            final: The stream before the last norm, ``(b, t, d)``.
            projected: The tower's output before it is normalised, ``(b, e)``.
            targets: Unit vectors of the other tower, ``(m, e)``.
        """
        import torch

        x = final.double()
        inverse = (x.var(dim=-1, unbiased=False) + self.epsilon).rsqrt()  # b t
        share = self.scale / projected.double().norm(dim=-1)  # b
        targets = targets.double()
        direction = targets @ self.matrix  # m p: how a pooled vector is read
        n_rows = len(x)
        constants = {"projection bias": torch.outer(share, targets @ self.offset)}
        if self.head is None:
            after = direction.expand(n_rows, 1, *direction.shape)  # b t m d: read after the norm
        else:
            normed = (x - x.mean(-1, keepdim=True)) * inverse[..., None] * self.gain + self.shift
            after, more = self.head(normed, direction)
            constants |= {name: share[:, None] * value for name, value in more.items()}
        constants["norm bias"] = share[:, None] * torch.einsum("btmd,d->bm", after, self.shift)
        if self.bias:
            constants["logit bias"] = torch.full_like(constants["norm bias"], self.bias)
        read = after * self.gain
        read = read - read.mean(dim=-1, keepdim=True)  # the norm subtracts the mean of its input
        read = read * (inverse * share[:, None])[..., None, None]
        return Readout(
            read=read, constants={k: v for k, v in constants.items() if bool((v != 0).any())}
        )

    def own(self, pooled: Tensor, projected: Tensor, targets: Tensor) -> Tensor:
        """Of each input its own target alone, for towers that pool one token: ``(b, d)``.

        Args:
            pooled: The stream before the last norm at the token that is pooled, ``(b, d)``.
            projected: As above.
            targets: One for each input, ``(b, e)``.
        """
        x = pooled.double()
        inverse = (x.var(dim=-1, unbiased=False) + self.epsilon).rsqrt()
        share = self.scale / projected.double().norm(dim=-1)
        read: Tensor = targets.double() @ self.matrix * self.gain
        read = (read - read.mean(dim=-1, keepdim=True)) * (inverse * share)[:, None]
        return read


class PoolingHead:
    """SigLIP's attention pooling: a learnt query reads all tokens, then an MLP adds to it.

    The read-off of the tokens is linear given the attention pattern; the MLP's part is one term.
    """

    def __init__(self, module: Any) -> None:
        attention = module.attention
        self.module = module
        self.n_heads = attention.num_heads
        d = attention.embed_dim
        weight, bias = attention.in_proj_weight.double(), attention.in_proj_bias.double()
        self.wq, self.wk, self.wv = weight.split(d)
        self.bq, self.bk, self.bv = bias.split(d)
        self.wo = attention.out_proj.weight.double()
        # A pattern sums to 1 over tokens, so the values' bias counts once.
        self.bias = self.wo @ self.bv + attention.out_proj.bias.double()
        self.out = self.wo.view(d, self.n_heads, -1)  # d h k
        self.value = self.wv.view(self.n_heads, -1, d)  # h k d

    def attend(self, normed: Tensor) -> tuple[Tensor, Tensor]:
        """Of tokens ``(b, t, d)``: the pattern ``(b, h, t)``, and what the MLP adds, ``(b, d)``."""
        import torch

        k_width = normed.shape[-1] // self.n_heads
        split = (self.n_heads, k_width)
        query = (self.module.probe.double()[0, 0] @ self.wq.T + self.bq).view(*split)
        keys = (normed @ self.wk.T + self.bk).unflatten(-1, split)  # b t h k
        pattern = (torch.einsum("hk,bthk->bht", query, keys) * k_width**-0.5).softmax(-1)
        values = (normed @ self.wv.T).unflatten(-1, split)
        mixed = torch.einsum("bht,bthk->bhk", pattern, values).flatten(1)
        attended = mixed @ self.wo.T + self.bias  # b d
        dtype = next(self.module.parameters()).dtype
        inner = self.module.mlp(self.module.layernorm(attended.to(dtype)[:, None]))[:, 0]
        return pattern, inner.double()

    def __call__(self, normed: Tensor, directions: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """``(b, t, d)`` after the norm, ``(m, d)`` -> read ``(b, t, m, d)``, constants (b, m)."""
        import torch

        pattern, inner = self.attend(normed)
        per_head = torch.einsum("md,dhk->mhk", directions, self.out)
        through = torch.einsum("mhk,hkd->mhd", per_head, self.value)
        constants = {
            "pooling head bias": (directions @ self.bias).expand(len(normed), -1),
            "pooling head mlp": inner @ directions.T,
        }
        return torch.einsum("bht,mhd->btmd", pattern, through), constants


def _check(clip: Clip, tower: Tower) -> PoolingHead | None:
    """The pooling head of the tower, None where one token is pooled."""
    from torch import nn

    def refuse(why: str) -> UnsupportedHookError:
        return UnsupportedHookError(
            f"clipprobe cannot decompose the {tower.name} tower of {clip.id}: {why}. Measure "
            "effects by ablation instead (`clipprobe neurons effect`)."
        )

    if not tower.blocks:
        raise refuse("it is a ResNet, whose attention pool it does not take apart")
    if not all(block.pre_norm for block in tower.blocks):
        raise refuse("its blocks normalise every sum, so nothing adds up along the stream")
    if not isinstance(tower.norm_final, nn.LayerNorm):
        raise refuse("its last norm is not a layer norm")
    if tower.pool_token != "none":
        return None
    head = find_head(clip)
    if head is None:
        raise refuse("it pools its tokens in a way that is not known here")
    return PoolingHead(head)


def _projection(clip: Clip, tower: Tower) -> tuple[Tensor, Tensor]:
    """The affine map from pooled to projected, ``(e, d_pooled)`` and ``(e,)``.

    Read off by running it, whatever module or bare matrix it is, and checked to be affine.
    """
    import torch

    vision = tower.name == "vision"
    project = clip.adapter.vision_projected if vision else clip.adapter.text_projected
    width = tower.d_pooled

    def run(pooled: Tensor) -> Tensor:
        return project(pooled.to(device=clip.device, dtype=clip.dtype)).double()

    with torch.no_grad():
        offset = run(torch.zeros(1, width))[0]
        matrix = (run(torch.eye(width)) - offset).T
        probe = torch.linspace(-1, 1, width)[None]
        expected = probe.double().to(matrix.device) @ matrix.T + offset
        if not torch.allclose(run(probe), expected, rtol=1e-2, atol=1e-2):
            raise UnsupportedHookError(
                f"The projection of the {tower.name} tower of {clip.id} is not affine, so its "
                "score does not decompose exactly."
            )
    return matrix, offset
