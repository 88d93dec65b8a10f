"""Taking sets of units out: each gets its mean, place by place, on every token."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attacks.bias.measures.draws import Floats

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.models import Clip


def encode_without(
    clip: Clip,
    images: Sequence[Any],
    units: Sequence[str],
    replacement: Mapping[str, Tensor],
    *,
    batch_size: int = 32,
) -> Floats:
    """Unit vectors ``(n, d)`` of pictures with some units replaced by their means.

    Args:
        units: Addresses; none leaves the model as it is.
        replacement: Hook point -> its mean activation, axes of the hook point without the batch.
    """
    from clipprobe.hooks import intervene

    if not units:
        return clip.encode_images(images, batch_size=batch_size).astype(np.float64)
    by_point: dict[str, list[int]] = {}
    for address in units:
        name, _, index = address.rpartition(":")
        by_point.setdefault(name, []).append(int(index))
    axes = {point.name: point.unit_axis for point in clip.hook_points()}
    changes = {
        name: _setter(chosen, replacement[name], axes[name]) for name, chosen in by_point.items()
    }
    with intervene(clip, changes):
        return clip.encode_images(images, batch_size=batch_size).astype(np.float64)


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
    units: Sequence[str], everything: Sequence[str], n_sets: int, rng: np.random.Generator
) -> list[list[str]]:
    """Sets of other units, with as many from each hook point as ``units`` has there.

    Where a hook point has too few others, its units may be drawn again.
    """
    wanted: dict[str, int] = {}
    for address in units:
        wanted[address.rpartition(":")[0]] = wanted.get(address.rpartition(":")[0], 0) + 1
    taken = set(units)
    pools = {
        name: [u for u in everything if u.rpartition(":")[0] == name and u not in taken]
        for name in wanted
    }
    pools = {
        name: pool
        if len(pool) >= wanted[name]
        else [u for u in everything if u.rpartition(":")[0] == name]
        for name, pool in pools.items()
    }
    return [
        [
            pools[name][int(i)]
            for name, count in wanted.items()
            for i in rng.permutation(len(pools[name]))[:count]
        ]
        for _ in range(n_sets)
    ]
