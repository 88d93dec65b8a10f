"""What an architecture family has to say about itself so that `Clip` can run it.

An adapter wraps a loaded module and never re-implements it. It splits each tower's forward at the
two vectors that have no module of their own: *pooled* (what the tower hands to its projection)
and *projected* (before normalisation).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from torch import Tensor, nn

from clipprobe.anatomy.parts import Anatomy
from clipprobe.models.families.prefixes import SharedPrefix


class Family(ABC):
    """One loaded model, seen through its family's eyes.

    Args:
        module: The loaded model.
        pad_id: The token that texts are padded with, if the tokenizer tells the model to ignore
            it; None otherwise.
    """

    name: str
    """The family's name in results and error messages."""

    def __init__(self, module: nn.Module, *, pad_id: int | None = None) -> None:
        self.module = module
        self.pad_id = pad_id

    def over(self, module: nn.Module) -> Self:
        """The same family over another module of the same architecture."""
        return type(self)(module, pad_id=self.pad_id)

    @abstractmethod
    def anatomy(self) -> Anatomy:
        """Find blocks and other parts by structure."""

    @abstractmethod
    def vision_pooled(self, pixels: Tensor) -> Tensor:
        """Normalised pixels ``(b, 3, H, W)`` to the pooled vector ``(b, d_pooled)``."""

    @abstractmethod
    def vision_projected(self, pooled: Tensor) -> Tensor:
        """Pooled ``(b, d_pooled)`` to the joint space ``(b, d_embed)``, not normalised."""

    @abstractmethod
    def text_pooled(self, tokens: Tensor) -> Tensor:
        """Token ids ``(b, t)`` to the pooled vector ``(b, d_pooled)``."""

    @abstractmethod
    def text_projected(self, pooled: Tensor) -> Tensor:
        """Pooled ``(b, d_pooled)`` to the joint space ``(b, d_embed)``, not normalised."""

    @abstractmethod
    def pool_positions(self, tokens: Tensor) -> Tensor:
        """Index of the token that the text tower pools, ``(b,)``."""

    def real_tokens(self, tokens: Tensor) -> Tensor | None:
        """``(b, t)`` true where a token is not padding; None: all up to the pooled one are real."""
        return None

    def shared_prefix(self) -> SharedPrefix | None:
        """The text tower in two parts, a shared beginning and what follows; None where a token
        sees later ones, or the parts are not known."""
        return None

    @property
    @abstractmethod
    def image_size(self) -> int:
        """Side of the square input in pixels."""

    @property
    def nominal_grid(self) -> tuple[int, int]:
        """Patch rows and columns of a square image, where the tower's grid depends on it."""
        raise NotImplementedError(f"{self.name} has no grid of its own")

    @property
    @abstractmethod
    def d_embed(self) -> int:
        """Width of the joint space."""

    @property
    @abstractmethod
    def n_tokens(self) -> int:
        """Rows of the text tower's embedding table."""

    @property
    @abstractmethod
    def context(self) -> int:
        """Most tokens of a text."""

    @property
    def attention(self) -> str | None:
        """The attention implementation that the model is set to; None where it has no choice."""
        config: Any = getattr(self.module, "config", None)
        return getattr(config, "_attn_implementation", None)

    @property
    def scale(self) -> float:
        """What a cosine is multiplied by to become a logit."""
        parameter: Any = self.module.logit_scale
        return float(parameter.detach().float().exp())

    @property
    def bias(self) -> float:
        """What is added to a logit; 0 where the model has none."""
        parameter: Any = getattr(self.module, "logit_bias", None)
        return 0.0 if parameter is None else float(parameter.detach().float())
