"""Where the parts of a model are, independent of how its classes name them.

Hooks, attribution and decomposition ask an :class:`Anatomy` for modules; they never spell a dotted
path, because the same architecture has other paths in other library versions and root classes.
Family adapters fill it in by looking at structure (:func:`find_stack`, :func:`find_one`).

Terms: a *tower* encodes one modality; a *block* is one transformer block; a *pre-norm* block adds
its attention and MLP outputs to an untouched residual stream (CLIP, SigLIP), a *post-norm* block
normalises the stream after each addition (BERT-like text towers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy.typing as npt
from torch import Tensor, nn

from clipprobe.errors import ConfigError, UnsupportedModelError

PoolToken = Literal["cls", "eos", "last", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One transformer block; ``b`` batch, ``t`` tokens, ``d`` width of the residual stream."""

    module: nn.Module
    """Its first input (positional or ``hidden_states=``) is resid_pre, its output (or the first
    item of its output tuple) is resid_post, both ``(b, t, d)``."""
    norm_pre: nn.Module | None
    """Pre-norm blocks: the norm before the attention, whose input is resid_pre."""
    norm_mid: nn.Module | None
    """Pre-norm blocks: the norm before the MLP, whose input is resid_mid. None when post-norm."""
    attention: nn.Module
    """Output (or first item of it): attn.out when pre-norm, resid_mid when post-norm."""
    q: nn.Module | None
    """Query projection, ``(b, t, n_heads * d_head)``; None where q, k and v are fused."""
    k: nn.Module | None
    v: nn.Module | None
    out: nn.Module | None
    """Output projection: input is the concatenated z, output attn.out; None where fused."""
    n_heads: int
    d_head: int
    scale: float
    """The pattern is ``softmax(q @ k.T * scale)``."""
    activation: nn.Module
    """The MLP's non-linearity: input mlp.pre, output mlp.post, ``(b, t, d_mlp)``."""
    mlp_out: nn.Module
    """The MLP's second linear map: output mlp.out, ``(b, t, d)``."""
    causal: bool
    """Whether a token attends only to itself and to earlier ones."""

    @property
    def pre_norm(self) -> bool:
        """Whether the block adds to an untouched residual stream."""
        return self.norm_mid is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSite:
    """Where the channels of a ResNet can be seen, ``(b, c, h, w)``."""

    module: nn.Module
    at: Literal["input", "output"]
    """Whether the tensor is the module's first input or its output."""
    n_channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tower:
    """One encoder. ``pooled`` and ``projected`` have no module: `Clip` emits them by name."""

    name: Literal["vision", "text"]
    blocks: tuple[Block, ...]
    """Empty for ResNets, which have :attr:`channels` instead."""
    embed: nn.Module | None
    """The patch convolution, output ``(b, d, h, w)``; None for text, ResNets and NaFlex."""
    norm_final: nn.Module | None
    """``pooled`` is its output at the pooled token; where a head pools over all tokens it is the
    norm before that head; None where ``pooled`` is something else (ResNets, BERT-like texts)."""
    projection: nn.Module | None
    """The module that maps pooled to projected; None where both are the same vector, and in
    open_clip, which holds the map as a bare matrix."""
    has_class_token: bool
    grid: tuple[int, int] | None
    """Patch rows and columns; None for text, and where it depends on the image."""
    d_model: int
    """Width of the residual stream; of the pooled vector, see :attr:`d_pooled`."""
    d_pooled: int
    d_mlp: int
    """0 for ResNets."""
    pool_token: PoolToken
    """Which token becomes the pooled vector; `none` where a head pools over all of them."""
    channels: Mapping[str, ChannelSite] = field(default_factory=dict)
    """ResNets: site names such as ``layer4.5.add``."""

    def columns(self, index: int) -> Tensor | None:
        """``(d, d_mlp)``: what each neuron of a block writes to the residual stream per unit of
        activation; None where the output map is not the neurons' own."""
        weight = getattr(self.blocks[index].mlp_out, "weight", None)
        fits = weight is not None and weight.shape == (self.d_model, self.d_mlp)
        return weight if fits else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Derived:
    """Directions at a hook point: units that are not part of the model."""

    base: str
    """Name of the hook point whose activations ``x`` they are read from."""
    name: str
    """What follows the name of the hook point and a dot."""
    vectors: npt.NDArray[Any]
    """``(n, d)``: unit ``i`` reads ``vectors[i] @ x + bias[i]``."""
    bias: npt.NDArray[Any]
    """``(n,)``."""
    normalised: bool
    """Whether ``x`` is brought to unit length first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """The two towers of a model, and the directions that were named in them."""

    vision: Tower
    text: Tower
    derived: tuple[Derived, ...] = ()

    def tower(self, name: str) -> Tower:
        """``vision`` or ``text``.

        Raises:
            ConfigError: there is no such tower.
        """
        if name not in ("vision", "text"):
            raise ConfigError(f"The tower {name!r} is not 'vision' or 'text'.")
        return self.vision if name == "vision" else self.text


def find_stack(root: nn.Module, parts: Sequence[str]) -> list[nn.Module]:
    """The children of the first module list in which every child has all the given attributes.

    Raises:
        UnsupportedModelError: there is no such list, so this is not the expected architecture.
    """
    for module in root.modules():
        if isinstance(module, nn.ModuleList | nn.Sequential) and len(module) > 0:
            children = list(module)
            if all(all(hasattr(child, part) for part in parts) for child in children):
                return children
    raise UnsupportedModelError(
        f"{type(root).__name__} holds no stack of blocks with the parts {', '.join(parts)}, so "
        "its blocks cannot be found; use a checkpoint of a supported architecture "
        "(`clipprobe models` lists them)."
    )


def find_one(root: nn.Module, kind: type[nn.Module]) -> nn.Module | None:
    """The only descendant of the given type, or None where there is none or more than one."""
    matches = [module for module in root.modules() if isinstance(module, kind)]
    return matches[0] if len(matches) == 1 else None
