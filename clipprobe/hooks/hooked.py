"""The part of a model that hooks need; :class:`clipprobe.Clip` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import nn

    from clipprobe.models.anatomy import Anatomy


class Hooked(Protocol):
    """A model whose forward pass can be looked into."""

    @property
    def id(self) -> str:
        """Its name, for messages."""
        ...

    @property
    def module(self) -> nn.Module:
        """The whole network."""
        ...

    @property
    def anatomy(self) -> Anatomy:
        """Where its towers, blocks and heads are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """What its numbers are kept in."""
        ...

    @property
    def d_embed(self) -> int:
        """Width of the joint space."""
        ...
