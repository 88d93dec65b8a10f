"""Stream the images of one modality once and keep one number per image and unit.

What is kept is the pooled matrix, float32 ``(n_images, n_units)``. Where the matrices of all
modalities together would pass the memory bound, units are taken in tiles, and the images run once
for each tile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Batch, Failure, ImageRecord
from clipprobe.errors import ConfigError
from clipprobe.hooks.sites import parse_name, resolve
from clipprobe.hooks.units import default_sites, find_sites
from clipprobe.models.activations import Reader, image_batches
from clipprobe.neurons.multimodality.settings import LATE_CLS

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from clipprobe.hooks.sites import HookPoint
    from clipprobe.hooks.units import Site
    from clipprobe.models import Clip

Tile = tuple[tuple[str, int, int], ...]
"""``(hook point, first unit, unit after the last)`` of each piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The pooled activations of one modality.

    Attributes:
        records: The images that could be read, in order of id.
        matrices: One matrix ``(n_images, n_units of the tile)`` for each model.
        failures: The images that could not be read.
    """

    records: list[ImageRecord]
    matrices: list[NDArray[np.float32]]
    failures: list[Failure]


def find_pooled_sites(
    clip: Clip, patterns: Sequence[str] | str | None, pool: str
) -> tuple[list[Site], dict[str, str]]:
    """The hook points that the names and globs mean, and how each is pooled.

    Args:
        patterns: None for the neurons of every block.
        pool: As of an atlas, or ``late-cls``: the class token in the last third of the blocks,
            because the maximum over patches hides what the class token shows there; the maximum
            before, and where there is no class token; nothing at points with one value per image.
    Raises:
        UnknownHookPointError, UnsupportedHookError: see :func:`clipprobe.hooks.units.find_sites`.
    """
    if pool != LATE_CLS:
        sites = find_sites(clip, patterns, pool)
        return sites, {site.name: pool for site in sites}
    points = resolve(clip, default_sites(clip) if patterns is None else patterns)
    pools = {point.name: late_cls(clip, point) for point in points}
    return sites_pooled(clip, pools), pools


def sites_pooled(clip: Clip, pools: Mapping[str, str]) -> list[Site]:
    """Hook points that are pooled each in its own way, by name."""
    sites = {
        site.name: site
        for one in dict.fromkeys(pools.values())
        for site in find_sites(clip, [name for name in pools if pools[name] == one], one)
    }
    return [sites[name] for name in pools]


def late_cls(clip: Clip, point: HookPoint) -> str:
    """How ``late-cls`` pools a point."""
    from clipprobe.hooks.pooling import without_token

    if "t" not in point.axes and "h" not in point.axes:
        return "none"
    tower, block = clip.anatomy.vision, parse_name(point.name).block
    n_late = -(-len(tower.blocks) // 3)
    late = block is not None and block >= len(tower.blocks) - n_late
    return "cls" if late and without_token(point, tower, "cls") is None else "max"


def tiles(sites: Sequence[Site], n_images: int, memory_mb: float, n_models: int) -> list[Tile]:
    """Cut the units of all hook points so that a tile's matrices fit the bound.

    Args:
        n_images: Of all modalities together; their matrices are held at once.
        memory_mb: Bound on the pooled matrices, in MB of 10^6 bytes. Ranks and sorted copies of
            one modality come on top: about twice as much for three modalities.
    Raises:
        ConfigError: the bound does not hold a single unit.
    """
    room = int(memory_mb * 1e6 // (4 * max(n_images, 1) * n_models))
    if room < 1:
        raise ConfigError(
            f"memory_mb={memory_mb:g} does not hold one unit's activations on {n_images} images: "
            f"give at least {4e-6 * n_images * n_models:.2g}."
        )
    # The place of each hook point's first unit among all units, and how many there are.
    firsts = list(accumulate((site.n_units for site in sites), initial=0))
    return [
        tuple(
            (site.name, max(start - first, 0), min(start + room - first, site.n_units))
            for site, first in zip(sites, firsts, strict=False)
            if first - room < start < first + site.n_units
        )
        for start in range(0, firsts[-1], room)
    ]


def pooled(
    clips: Sequence[Clip],
    records: Sequence[ImageRecord],
    tile: Tile,
    pool: str | Mapping[str, str],
    *,
    batch_size: int,
    workers: int,
    progress: Callable[[int], None] | None,
) -> Pooled:
    """Run the images through every model, decoded and preprocessed once.

    Args:
        pool: For all hook points, or for each by name.
    """
    n_units = sum(stop - start for _, start, stop in tile)
    matrices = [np.empty((len(records), n_units), np.float32) for _ in clips]
    sites = list(dict.fromkeys(name for name, _, _ in tile))
    readers = [Reader(clip, sites, pool) for clip in clips]
    used: list[ImageRecord] = []
    failures: list[Failure] = []
    batches = image_batches(clips[0], records, batch_size, workers)
    with closing(cast("Generator[Batch[Tensor]]", batches)):
        for batch in batches:
            for reader, matrix in zip(readers if batch.items else (), matrices, strict=False):
                readings = reader(batch.items).values
                pieces = [readings[name][:, start:stop] for name, start, stop in tile]
                matrix[len(used) : len(used) + len(batch.items)] = np.concatenate(pieces, axis=1)
            used += batch.records
            failures += batch.failures
            if progress is not None:
                progress(len(batch.records) + len(batch.failures))
    return Pooled(
        records=used, matrices=[matrix[: len(used)] for matrix in matrices], failures=failures
    )
