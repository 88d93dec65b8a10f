"""The part of a model that hooks need; :class:`clipprobe.Clip` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import nn

    from clipprobe.anatomy.parts import Anatomy


class Hooked(Protocol):
    """A model whose forward pass can be looked into."""

    @property
    def id(self) -> str:
        """Its name, for messages."""

    @property
    def module(self) -> nn.Module:
        """The whole network."""

    @property
    def anatomy(self) -> Anatomy:
        """Where its towers, blocks and heads are."""

    @property
    def dtype(self) -> torch.dtype:
        """What its numbers are kept in."""

    @property
    def d_embed(self) -> int:
        """Width of the joint space."""


class Seeing(Hooked, Protocol):
    """A model that images can be run through."""

    @property
    def image_size(self) -> int:
        """Side of the square that it takes, in pixels."""

    def image_embeddings(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unit vectors of preprocessed pixels, ``(b, d_embed)``."""
