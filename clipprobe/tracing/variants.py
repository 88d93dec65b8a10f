"""What is replaced in a run of a vision tower, and what a run left; which towers allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clipprobe.errors import UnsupportedHookError

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip

Units = Sequence[int] | slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Which units are replaced.

    ``heads``, ``neurons``: block -> units; ``slice(None)`` for all of a block.
    """

    heads: Mapping[int, Units] = field(default_factory=dict)
    neurons: Mapping[int, Units] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """The first block that is changed."""
        return min([*self.heads, *self.neurons])


def of_heads(heads: Sequence[tuple[int, int]]) -> Variant:
    """A variant of ``(block, head)`` pairs."""
    blocks: dict[int, list[int]] = {}
    for block, head in heads:
        blocks.setdefault(block, []).append(head)
    return Variant(heads=blocks)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acts:
    """One batch after a forward pass; lists run over the blocks.

    ``resid``: ``(b, t, d)`` before each block. ``z``: ``(b, t or 1, h, k)`` heads' outputs before
    they are projected. ``post``: ``(b, t or 1, d_mlp)`` neurons. ``pattern``: ``(b, h, t)`` of the
    class token, empty without one. ``unit``: ``(b, e)`` embeddings.
    """

    pixels: Tensor
    resid: list[Tensor]
    z: list[Tensor]
    post: list[Tensor]
    pattern: list[Tensor]
    unit: Tensor


def check_tower(clip: Clip, what: str = "", left: str = "") -> None:
    """Refuse a model whose heads cannot be told apart.

    Args:
        what: What would be explained. left: What can be measured without, for the message.
    Raises:
        UnsupportedHookError: says what is not available and why.
    """
    tower = clip.anatomy.vision

    def refuse(why: str) -> UnsupportedHookError:
        return UnsupportedHookError(
            f"{what or f'A score of {clip.id}'} cannot be explained by heads and neurons: {why}. "
            f"What is left is {left}what single units do (`clipprobe neurons effect`)."
        )

    if not tower.blocks:
        raise refuse("its vision tower is a ResNet, which has no heads and no class token")
    if any(block.out is None or block.q is None for block in tower.blocks):
        raise refuse(
            "its attention fuses q, k and v and the heads' outputs in one module (the same "
            "checkpoint in the format of transformers has them apart)"
        )
    if not all(block.pre_norm for block in tower.blocks):
        raise refuse("its blocks normalise every sum, so heads do not add to one stream")
