"""Taking sets of units out, and random sets of as many beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.statistics import Estimate

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What is left of a score without the k strongest units of a kind.

    ``removed``: share of the value that is gone, on the measuring half, with its interval.
    ``fit``: the same share on the half that ranked the units (too good on average).
    ``random``: shares for random sets with as many units of each hook point, ``(n_sets,)``.
    ``p``: share of random sets, the ranked one counted, that remove at least as much.
    ``chosen``: whether this is the size that the ranking half chose.
    """

    kind: str
    k: int
    units: tuple[str, ...]
    removed: Estimate
    fit: float
    random: Floats
    p: float
    chosen: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        low, high = np.percentile(self.random, [2.5, 97.5])
        return {
            "kind": self.kind,
            "k": self.k,
            "units": list(self.units),
            "removed": self.removed.to_json(),
            "removed_on_ranking_half": self.fit,
            "random": {
                "n_sets": len(self.random),
                "mean": float(self.random.mean()),
                "low": float(low),
                "high": float(high),
                "largest": float(self.random.max()),
            },
            "p": self.p,
            "chosen": self.chosen,
        }


def encode_without(
    clip: Clip,
    items: Sequence[Any],
    units: Sequence[str],
    replacement: Mapping[str, Tensor],
    *,
    batch_size: int = 32,
    tower: str = "vision",
) -> Floats:
    """Unit vectors ``(n, d)`` of images (or texts) with some units replaced on every token.

    Args:
        units: Addresses; none leaves the model as it is.
        replacement: Hook point -> what is put there (its mean activation), axes of the hook point
            without the batch.
    """
    from clipprobe.hooks import intervene

    def encode() -> Floats:
        if tower == "text":
            return clip.encode_texts(list(items)).astype(np.float64)
        return clip.encode_images(items, batch_size=batch_size).astype(np.float64)

    if not units:
        return encode()
    by_point: dict[str, list[int]] = {}
    for address in units:
        name, _, index = address.rpartition(":")
        by_point.setdefault(name, []).append(int(index))
    axes = {point.name: point.unit_axis for point in clip.hook_points()}
    changes = {name: _setter(own, replacement[name], axes[name]) for name, own in by_point.items()}
    with intervene(clip, changes):
        return encode()


def _setter(units: Sequence[int], mean: Tensor, axis: int) -> Callable[[Tensor], Tensor]:
    """A function that puts the mean of some units in their place; one edit for all of them."""

    def change(value: Tensor) -> Tensor:
        import torch

        index = torch.tensor(units, device=value.device)
        new = value.clone()
        put = mean.to(value).unsqueeze(0).index_select(axis, index)
        shape = list(value.shape)
        shape[axis] = len(units)
        return new.index_copy_(axis, index, put.expand(shape).contiguous())

    return change


def random_sets(
    pools: Sequence[tuple[Sequence[T], int]], rngs: Iterable[np.random.Generator]
) -> list[list[T]]:
    """For each generator a set with as many units of each pool as it says.

    Example:
        >>> random_sets([("ab", 1), ("cd", 2)], [np.random.default_rng(0)])
        [['a', 'c', 'd']]
    """
    return [
        [pool[int(i)] for pool, count in pools for i in rng.permutation(len(pool))[:count]]
        for rng in rngs
    ]


def pools_like(units: Sequence[str], everything: Sequence[str]) -> list[tuple[Sequence[str], int]]:
    """Pools for sets of other units, with as many from each hook point as ``units`` has there.

    Where a hook point has too few others, its units may be drawn again.
    """
    own = set(units)
    pools: list[tuple[Sequence[str], int]] = []
    for name, count in Counter(address.rpartition(":")[0] for address in units).items():
        there = [unit for unit in everything if unit.rpartition(":")[0] == name]
        others = [unit for unit in there if unit not in own]
        pools.append((others if len(others) >= count else there, count))
    return pools
