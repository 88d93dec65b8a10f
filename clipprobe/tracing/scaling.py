"""Many ways of turning units up or down, side by side in one forward pass.

A *setting* says what the activations of some units are multiplied by: 0 removes a unit, 1 leaves it
as it is. Every setting sees its own upstream changes, so a row is exactly what
:func:`clipprobe.intervene` with :class:`~clipprobe.Scale` gives for it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError
from clipprobe.tracing.inputs import Inputs
from clipprobe.tracing.units import find_units

if TYPE_CHECKING:
    from torch import Tensor

    from clipprobe.hooks import HookPoint
    from clipprobe.models import Clip

#: Address of a unit -> what its activation is multiplied by.
Setting = Mapping[str, float]


def encode_scaled(
    clip: Clip, images: Sequence[Any], settings: Sequence[Setting], *, batch_size: int = 64
) -> Floats:
    """Unit vectors ``(n_settings, n, d)`` of the images under each setting.

    Args:
        settings: Units of the vision tower; an empty setting is the model as it is.
        batch_size: Rows of one forward pass; each is one image under one setting.
    Raises:
        UnknownHookPointError: a unit is not there.
        UnsupportedHookError: a unit says where a head looks, and writes nothing.
        ConfigError: a unit is of the text tower.
    """
    tables = _tables(clip, settings)
    vectors = np.zeros((len(settings), len(images), clip.d_embed))
    inputs = Inputs(clip, "vision", images, batch_size)
    for batch in inputs.batches():
        n = len(batch.rows)
        size = max(1, batch_size // n)
        for start in range(0, len(settings), size):
            some = slice(start, start + size)
            rows = _run(clip, batch.values, [(point, table[some]) for point, table in tables])
            vectors[some, batch.rows] = rows.reshape(-1, n, clip.d_embed)
    return vectors


def _run(clip: Clip, pixels: Tensor, tables: Sequence[tuple[HookPoint, Floats]]) -> Floats:
    """Every setting of the tables on every image, the images of one setting together."""
    import torch

    from clipprobe.hooks import intervene

    n = len(tables[0][1]) if tables else 1
    changes = {point.name: _change(point, table) for point, table in tables if (table != 1).any()}
    with torch.no_grad(), intervene(clip, changes) if changes else nullcontext():
        vectors: Floats = clip.image_embeddings(pixels.repeat(n, 1, 1, 1)).double().cpu().numpy()
    return vectors


def _tables(clip: Clip, settings: Sequence[Setting]) -> list[tuple[HookPoint, Floats]]:
    """For each hook point the factors of its units, ``(n_settings, n_units)``."""
    addresses = list(dict.fromkeys(address for setting in settings for address in setting))
    known = {address: find_units(clip, [address]).values() for address in addresses}
    tables: dict[str, tuple[HookPoint, Floats]] = {}
    for row, setting in enumerate(settings):
        for address, factor in setting.items():
            for point, unit in known[address]:
                if point.tower != "vision":
                    raise ConfigError(
                        f"{address} is in the text tower, and images do not run through it: name a "
                        "unit of the vision tower."
                    )
                if point.name not in tables:
                    tables[point.name] = (point, np.ones((len(settings), point.n_units)))
                tables[point.name][1][row, unit] = factor
    return list(tables.values())


def _change(point: HookPoint, table: Floats) -> Callable[[Tensor], Tensor]:
    def scaled(value: Tensor) -> Tensor:
        import torch

        factors = torch.from_numpy(table).to(value)
        shape = [len(factors)] + [1] * value.ndim
        shape[point.unit_axis + 1] = factors.shape[1]
        stacked = value.reshape(len(factors), -1, *value.shape[1:])
        return (stacked * factors.reshape(shape)).reshape(value.shape)

    return scaled
