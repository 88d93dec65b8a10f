"""The pooled activations of some hook points on a set of images, held in memory.

For methods that need every image's value of every unit at once (labels, sparse composition). One
float per unit and image: what does not fit is refused with the numbers. An atlas needs no such
table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.data import Dataset, Failure, ImageRecord, as_dataset, require_readable
from clipprobe.errors import DataError
from clipprobe.memory import fitting_batch
from clipprobe.models.activations import Reader, Reading, image_batches

if TYPE_CHECKING:
    from clipprobe.hooks.units import Site
    from clipprobe.models import Clip

MAX_BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledActivations:
    """``n`` images through a tower.

    ``values``: hook point -> ``(n, n_units)`` float32, pooled.
    ``embeddings``: ``(n, d_embed)`` float32 unit vectors of the same pass.
    ``records``: the images that were read, in order of id.
    ``failures``: the images that could not be.
    ``pooled``: hook point -> how tokens became one number, in words.
    ``pool``: the rule.
    ``data``: what a manifest says about the data set.
    """

    values: Mapping[str, NDArray[np.float32]]
    embeddings: NDArray[np.float32]
    records: tuple[ImageRecord, ...]
    failures: tuple[Failure, ...]
    pooled: Mapping[str, str]
    pool: str
    data: Mapping[str, Any]

    def stacked(self) -> tuple[NDArray[np.float32], list[tuple[str, int]]]:
        """``(n, all units)`` and the hook point and index of each column."""
        columns = [(name, i) for name, array in self.values.items() for i in range(array.shape[1])]
        return np.concatenate(list(self.values.values()), axis=1), columns


def pooled_activations(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    sites: Sequence[str] | None = None,
    *,
    pool: str = "max",
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> PooledActivations:
    """Run images once and keep the pooled activation of every unit, and the embedding.

    Args:
        sites: Hook points or globs of the vision tower; None for the neurons of every block.
        pool: ``max``, ``mean`` or ``cls`` over tokens or places.
    Raises:
        UnknownHookPointError, UnsupportedHookError: see ``sites.find_sites``.
        NoReadableImagesError: not one image could be read.
        DataError: the table would not fit into memory.
    """
    dataset = as_dataset(images, limit=limit)
    points = check_fits(clip, dataset, sites, pool, batch_size)
    reader = Reader(clip, [site.name for site in points], pool)
    readings: list[Reading] = []
    records: list[ImageRecord] = []
    failures: list[Failure] = []
    for batch in image_batches(clip, dataset.records, batch_size, workers):
        failures += batch.failures
        records += batch.records
        if batch.items:
            readings.append(reader(batch.items))
        if progress is not None:
            progress(len(batch.records) + len(batch.failures))
    require_readable(len(records), failures, dataset.name)
    return PooledActivations(
        values={
            site.name: np.concatenate([one.values[site.name] for one in readings])
            for site in points
        },
        embeddings=np.concatenate([one.embeddings for one in readings]),
        records=tuple(records),
        failures=tuple(failures),
        pooled={site.name: site.pooled(pool) for site in points},
        pool=pool,
        data=dataset.describe(),
    )


def check_fits(
    clip: Clip, dataset: Dataset, sites: Sequence[str] | None, pool: str, batch_size: int
) -> list[Site]:
    """The hook points of :func:`pooled_activations`; refuses, before an image is read, what will
    not fit."""
    from clipprobe.hooks.units import find_sites

    points = find_sites(clip, sites or None, pool)
    fitting_batch(clip, batch_size, len(dataset))
    n_units = sum(site.n_units for site in points)
    n_bytes = 4 * len(dataset) * n_units
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"The activations of {n_units} units on {len(dataset)} inputs are "
            f"{n_bytes / 2**30:.1f} GiB and at most {MAX_BYTES >> 30} are held: name fewer --sites "
            "or use --limit."
        )
    return points
