"""The pooled activations of some hook points on a set of images or texts, held in memory.

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

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from clipprobe.hooks.units import Site
    from clipprobe.models import Clip

MAX_BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledActivations:
    """``n`` inputs through a tower.

    ``values``: hook point -> ``(n, n_units)`` float32, pooled.
    ``embeddings``: ``(n, d_embed)`` float32 unit vectors of the same pass.
    ``records``: the images that were read, in order of id; empty for texts.
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
    from clipprobe.data import stream_batches

    dataset = as_dataset(images, limit=limit)
    found = check_fits(clip, dataset, sites, pool, batch_size)
    table = _Table(clip, [site.name for site in found], pool)
    records: list[ImageRecord] = []
    failures: list[Failure] = []

    def prepare(image: Image.Image) -> Tensor:
        pixels: Tensor = clip.preprocess([image])[0]
        return pixels

    for batch in stream_batches(
        dataset.records, prepare, batch_size=batch_size, workers=workers, allow_none=True
    ):
        failures += batch.failures
        if batch.items:
            table.run_images(batch.items)
        records += batch.records
        if progress is not None:
            progress(len(batch.records) + len(batch.failures))
    require_readable(len(records), failures, dataset.name)
    return PooledActivations(
        values=table.values(),
        embeddings=np.concatenate(table.embeddings),
        records=tuple(records),
        failures=tuple(failures),
        pooled={site.name: site.pooled(pool) for site in found},
        pool=pool,
        data=dataset.describe(),
    )


def check_fits(
    clip: Clip, dataset: Dataset, sites: Sequence[str] | None, pool: str, batch_size: int
) -> list[Site]:
    """The hook points of :func:`pooled_activations`; refuses, before an image is read, what will
    not fit."""
    from clipprobe.hooks.units import default_sites, find_sites

    found = find_sites(clip, list(sites or default_sites(clip)), pool)
    fitting_batch(clip, batch_size, len(dataset))
    _check_size(len(dataset), sum(site.n_units for site in found))
    return found


class _Table:
    """Batches of images through the model, into lists."""

    def __init__(self, clip: Clip, sites: list[str], pool: str) -> None:
        self.clip, self.sites, self.pool = clip, sites, pool
        self.parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in sites}
        self.embeddings: list[NDArray[np.float32]] = []

    def run_images(self, pixels: list[Tensor]) -> None:
        import torch

        from clipprobe.hooks import capture
        from clipprobe.neurons.atlas.stream import same_shape

        rows: dict[str, NDArray[np.float32]] = {}
        embeddings = np.zeros((len(pixels), self.clip.d_embed), np.float32)
        for group in same_shape(pixels):
            with torch.no_grad(), capture(self.clip, self.sites, pool=self.pool) as acts:
                unit = self.clip.image_embeddings(torch.stack([pixels[i] for i in group]))
            embeddings[group] = unit.cpu().numpy()
            for name in self.sites:
                value = acts[name].float().cpu().numpy()
                shape = (len(pixels), value.shape[1])
                rows.setdefault(name, np.zeros(shape, np.float32))[group] = value
        self.embeddings.append(embeddings)
        for name, value in rows.items():
            self.parts[name].append(value)

    def values(self) -> dict[str, NDArray[np.float32]]:
        return {name: np.concatenate(parts) for name, parts in self.parts.items()}


def _check_size(n_inputs: int, n_units: int) -> None:
    wanted = 4 * n_inputs * n_units
    if wanted > MAX_BYTES:
        raise DataError(
            f"The activations of {n_units} units on {n_inputs} inputs are {wanted / 2**30:.1f} GiB "
            f"and at most {MAX_BYTES >> 30} are held: name fewer --sites or use --limit."
        )
