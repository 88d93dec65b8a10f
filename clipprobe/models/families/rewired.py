"""A family under an edit: its projections end in another map, its texts begin with other tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from clipprobe.anatomy.parts import Anatomy
from clipprobe.models.families.base import Family
from clipprobe.models.families.prefixes import SharedPrefix

Map = Callable[[Tensor], Tensor]
"""Projected vectors ``(b, d_embed)`` to others of the same shape, in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewiring:
    """What is changed at the ends of the towers."""

    image: tuple[Map, ...] = ()
    """Applied to projected image vectors, in order."""
    text: tuple[Map, ...] = ()
    n_prefix: int = 0
    """Places that are made in each text after its start token; a hook fills them."""
    whole: bool = False
    """Whether something stands in the text tower, so that texts cannot be encoded in parts."""


class Rewired(Family):
    """``inner``, rewired. It runs the same module and knows the same anatomy."""

    def __init__(self, inner: Family, rewiring: Rewiring) -> None:
        super().__init__(inner.module, pad_id=inner.pad_id)
        self.inner, self.rewiring, self.name = inner, rewiring, inner.name

    @classmethod
    def of(cls, family: Family, **added: object) -> Rewired:
        """A family with more of each field of :class:`Rewiring`."""
        known = family.rewiring if isinstance(family, Rewired) else Rewiring()
        inner = family.inner if isinstance(family, Rewired) else family
        merged = {name: getattr(known, name) + value for name, value in added.items()}
        return cls(inner, replace(known, **merged))

    def over(self, module: nn.Module) -> Self:
        """The same family, rewired alike, over another module of the same architecture."""
        return type(self)(self.inner.over(module), self.rewiring)

    def anatomy(self) -> Anatomy:
        """That of the family."""
        return self.inner.anatomy()

    def vision_pooled(self, pixels: Tensor) -> Tensor:
        """As the family does it."""
        return self.inner.vision_pooled(pixels)

    def vision_projected(self, pooled: Tensor) -> Tensor:
        """The family's vector through each map."""
        return _through(self.rewiring.image, self.inner.vision_projected(pooled))

    def text_pooled(self, tokens: Tensor) -> Tensor:
        """As the family does it, with the new places."""
        return self.inner.text_pooled(self._with_places(tokens))

    def text_projected(self, pooled: Tensor) -> Tensor:
        """The family's vector through each map."""
        return _through(self.rewiring.text, self.inner.text_projected(pooled))

    def pool_positions(self, tokens: Tensor) -> Tensor:
        """In the text with the new places."""
        return self.inner.pool_positions(self._with_places(tokens))

    def real_tokens(self, tokens: Tensor) -> Tensor | None:
        """Of the text with the new places."""
        return self.inner.real_tokens(self._with_places(tokens))

    def shared_prefix(self) -> SharedPrefix | None:
        """The family's, unless hooks stand in the tower."""
        return None if self.rewiring.whole else self.inner.shared_prefix()

    def _with_places(self, tokens: Tensor) -> Tensor:
        """Texts ``(b, t)`` with the start token again, once for each place, ``(b, t + k)``."""
        start = tokens[:, :1]
        return torch.cat([start.repeat(1, 1 + self.rewiring.n_prefix), tokens[:, 1:]], dim=1)

    @property
    def image_size(self) -> int:
        """That of the family, as all that follows."""
        return self.inner.image_size

    @property
    def nominal_grid(self) -> tuple[int, int]:
        """Patch rows and columns."""
        return self.inner.nominal_grid

    @property
    def d_embed(self) -> int:
        """Width of the joint space."""
        return self.inner.d_embed

    @property
    def n_tokens(self) -> int:
        """Rows of the text tower's embedding table."""
        return self.inner.n_tokens

    @property
    def context(self) -> int:
        """Most tokens of a text."""
        return self.inner.context - self.rewiring.n_prefix

    @property
    def attention(self) -> str | None:
        """The attention implementation."""
        return self.inner.attention

    @property
    def scale(self) -> float:
        """What a cosine is multiplied by."""
        return self.inner.scale

    @property
    def bias(self) -> float:
        """What is added to a logit."""
        return self.inner.bias


def _through(maps: tuple[Map, ...], vectors: Tensor) -> Tensor:
    for one in maps:
        vectors = one(vectors.float())
    return vectors
