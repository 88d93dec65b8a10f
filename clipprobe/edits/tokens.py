"""Learned tokens: a prefix of every text, or more tokens beside the patches of every image.

A learned token is the vector that the residual stream holds before the first block, its position
included; it is not a row of the embedding table. Attention sees it like any other token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy.typing as npt
import torch
from torch import Tensor

from clipprobe.edits.part import Arrays, floats
from clipprobe.errors import ConfigError
from clipprobe.hooks.session import Session
from clipprobe.hooks.sites import hook_points
from clipprobe.models.families.rewired import Rewired
from clipprobe.models.network import Network, Standing, TowerName
from clipprobe.models.texts import Tokens

if TYPE_CHECKING:
    from clipprobe.models import Clip


@dataclass(frozen=True, init=False, eq=False)
class _Learned:
    """Vectors of learned tokens, as they are stored."""

    called: ClassVar[str]
    vectors: npt.NDArray[Any]

    def __init__(self, vectors: Any) -> None:
        object.__setattr__(self, "vectors", floats(vectors, self.called, 2))

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The vectors."""
        return {}, {"vectors": self.vectors}

    @classmethod
    def read(cls, fields: Mapping[str, Any], arrays: Arrays) -> Self:
        """From what :meth:`stored` gave."""
        return cls(arrays["vectors"])


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
        return network.changed(
            adapter=Rewired.of(adapter, n_prefix=k, whole=True),
            tokens=Shortened(tokens, k),
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


class Shortened:
    """A tokenizer that leaves the last places of the context free."""

    def __init__(self, inner: Tokens, n_free: int) -> None:
        self.inner, self.context = inner, inner.context - n_free

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids as the tokenizer gives them; longer texts lose their last words, not their end."""
        return self.cut(texts, self.context)

    def cut(self, texts: Sequence[str], context: int) -> list[list[int]]:
        """The same for a model that reads fewer tokens still."""
        return self.inner.cut(texts, context)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any is cut, special tokens included."""
        return self.inner.lengths(texts)

    def piece(self, token: int) -> str:
        """A token as text, for display."""
        return self.inner.piece(token)


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
    tower = network.anatomy.text if name == "text" else network.anatomy.vision
    if not tower.blocks or vectors.shape[1] != tower.d_model:
        has = f"is {tower.d_model} wide" if tower.blocks else "has no residual stream"
        raise ConfigError(
            f"The learned tokens are {vectors.shape[1]} wide, and the {name} tower of {clip.id} "
            f"{has}: the edit was made for another model."
        )
