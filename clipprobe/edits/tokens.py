"""Learned tokens: a prefix of every text, or more tokens beside the patches of every image.

A learned token is the vector that the residual stream holds before the first block, its position
included; it is not a row of the embedding table. Attention sees it like any other token.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy.typing as npt
import torch
from torch import Tensor

from clipprobe.edits.part import PlainPart, floats
from clipprobe.errors import ConfigError
from clipprobe.hooks.session import Session
from clipprobe.hooks.sites import hook_points
from clipprobe.models.families.rewired import Rewired
from clipprobe.models.network import Network, Standing, TowerName

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, init=False, eq=False)
class _Learned(PlainPart):
    """Vectors of learned tokens."""

    called: ClassVar[str]
    vectors: npt.NDArray[Any]

    def __init__(self, vectors: Any) -> None:
        object.__setattr__(self, "vectors", floats(vectors, self.called, 2))


class TextPrefix(_Learned):
    """Learned tokens after the start token of every text.

    Args:
        vectors: ``(k, d)`` in the residual stream before the first block of the text tower.
    """

    kind: ClassVar[str] = "text-prefix"
    called = "A learned prefix"

    def onto(self, clip: Clip, network: Network) -> Network:
        """Places in every text, and a hook that fills them."""
        _check(self.vectors, clip, network, "text")
        k, adapter = len(self.vectors), network.adapter
        first = 1 + (adapter.rewiring.n_prefix if isinstance(adapter, Rewired) else 0)
        tokens = network.tokens
        if getattr(tokens, "pad_to_context", False) or tokens.context - k < 3:
            raise ConfigError(
                f"{clip.id} reads {tokens.context} tokens of every text, which leaves no place for "
                f"a learned prefix of {k}."
            )
        # Longer texts lose their last words, not their end.
        tokens = copy.copy(tokens)
        tokens.context -= k
        return network.changed(
            adapter=Rewired.of(adapter, n_prefix=k, whole=True),
            tokens=tokens,
            standing=(*network.standing, _standing("text", self.vectors, first)),
        )

    def __str__(self) -> str:
        return f"learned prefix of {len(self.vectors)} tokens before every text"


class ImageToken(_Learned):
    """Learned tokens behind the patches of every image (registers).

    Args:
        vectors: ``(k, d)`` in the residual stream before the first block of the vision tower.
    """

    kind: ClassVar[str] = "image-token"
    called = "A learned image token"

    def onto(self, clip: Clip, network: Network) -> Network:
        """A hook that lengthens the residual stream before the first block."""
        _check(self.vectors, clip, network, "vision")
        return network.changed(
            standing=(*network.standing, _standing("vision", self.vectors, None))
        )

    def __str__(self) -> str:
        return f"{len(self.vectors)} learned tokens behind the patches of every image"


class Insertion(Session):
    """Puts vectors into the residual stream before the first block."""

    changes = True

    def __init__(
        self, clip: Clip, point: str, vectors: npt.NDArray[Any], first: int | None
    ) -> None:
        super().__init__(clip, [one for one in hook_points(clip) if one.name == point])
        self.edits = (f"{len(vectors)} learned tokens at {point}",)
        self._point, self._first = point, first
        self._vectors = torch.from_numpy(vectors.copy())

    def edit(self, name: str, value: Tensor) -> Tensor:
        """Fill the places from ``first``; with None, add tokens at the end."""
        self.fired.add(name)
        vectors = self._vectors.to(value).expand(len(value), -1, -1)  # b k d
        if self._first is None:
            return torch.cat([value, vectors], dim=1)
        end = self._first + vectors.shape[1]
        return torch.cat([value[:, : self._first], vectors, value[:, end:]], dim=1)


def _standing(tower: TowerName, vectors: npt.NDArray[Any], first: int | None) -> Standing:
    point = f"{tower}.blocks.0.resid_pre"
    return Standing(
        tower, lambda clip: Insertion(clip, point, vectors, first), n_tokens=len(vectors)
    )


def _check(vectors: npt.NDArray[Any], clip: Clip, network: Network, name: str) -> None:
    tower = network.anatomy.tower(name)
    if not tower.blocks or vectors.shape[1] != tower.d_model:
        has = f"is {tower.d_model} wide" if tower.blocks else "has no residual stream"
        raise ConfigError(
            f"The learned tokens are {vectors.shape[1]} wide, and the {name} tower of {clip.id} "
            f"{has}: the edit was made for another model."
        )
