"""Resampling shared by every cell of a column: bootstrap weights and permuted group labels.

A report has many cells over the same images, so the draws are made once per group column and
used, as matrices, for all of them. Clusters (several pictures of one person, several renderings
of one drawing) move together in both: without that, copies would pass for evidence.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Copies = NDArray[np.uint8]  # small types: a report keeps the draws of a column where it can
Labels = NDArray[np.int8]

_CHUNK_CELLS = 4_000_000  # numbers of one chunk of draws: 32 MB as float64
_KEEP_BYTES = 1 << 29  # draws of more than that are made anew for each use


Drawn = TypeVar("Drawn", bound=np.generic)


class Draws(Generic[Drawn]):
    """Chunks ``(b, n)`` that can be gone through again and again, with the same content.

    Args:
        make: Makes the chunks from scratch, the same ones every time.
        n_bytes: Their size; chunks are kept where it is small enough.
    """

    def __init__(self, make: Callable[[], Iterator[NDArray[Drawn]]], n_bytes: int) -> None:
        self._make = make
        self._keep = n_bytes <= _KEEP_BYTES
        self._kept: tuple[NDArray[Drawn], ...] | None = None

    def __iter__(self) -> Iterator[NDArray[Drawn]]:
        if self._kept is None and self._keep:  # on first use: some probes need no draws
            self._kept = tuple(self._make())
        return self._make() if self._kept is None else iter(self._kept)


def generator(seed: int, *path: str) -> np.random.Generator:
    """A random generator that depends on the seed and on a name, not on the order of use.

    Adding a group column or a probe therefore changes no number of the others.
    """
    return np.random.default_rng([seed, *(zlib.crc32(part.encode("utf-8")) for part in path)])


def nested(labels: Ints, clusters: Ints | None) -> bool:
    """Whether every cluster lies within one group (true without clusters)."""
    if clusters is None or not len(labels):
        return True
    low = np.full(int(clusters.max()) + 1, np.iinfo(np.int64).max)
    high = np.full(low.shape, -1)
    np.minimum.at(low, clusters, labels)
    np.maximum.at(high, clusters, labels)
    return bool((low[clusters] == high[clusters]).all())


def bootstrap_weights(
    labels: Ints, clusters: Ints | None, n_boot: int, rng: np.random.Generator
) -> Iterator[Copies]:
    """How often each image is drawn, in chunks of shape ``(b, n)`` that add up to ``n_boot`` rows.

    Drawing is within groups (stratified), so every resample has the groups' own sizes; whole
    clusters are drawn where clusters are given, and over all groups at once where a cluster spans
    groups.
    """
    n = len(labels)
    units = np.arange(n) if clusters is None else clusters
    n_units = int(units.max()) + 1 if n else 0
    strata = np.zeros(n_units, dtype=np.int64)
    if nested(labels, clusters):
        strata[units] = labels
    members = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    for rows in _chunks(n_boot, n):
        drawn = np.zeros((rows, n_units), dtype=np.uint8)
        for unit_ids in members:
            count = len(unit_ids)
            drawn[:, unit_ids] = rng.multinomial(count, np.full(count, 1 / count), size=rows)
        yield drawn[:, units]


def permuted_labels(
    labels: Ints, clusters: Ints | None, n_permutations: int, rng: np.random.Generator
) -> Iterator[Labels]:
    """Group labels under the null that groups do not matter, in chunks ``(b, n)``.

    Without clusters the labels are shuffled over images; with clusters inside groups whole
    clusters change their label; where clusters span groups the labels are shuffled within each
    cluster, which holds whatever is common to a cluster fixed.
    """
    small = labels.astype(np.int8)
    if clusters is not None and nested(labels, clusters):
        of_cluster = np.zeros(int(clusters.max()) + 1, dtype=np.int8)
        of_cluster[clusters] = small
        for rows in _chunks(n_permutations, len(labels)):
            yield rng.permuted(np.tile(of_cluster, (rows, 1)), axis=1)[:, clusters]
        return
    blocks = [np.arange(len(labels))]
    if clusters is not None:
        blocks = [np.flatnonzero(clusters == c) for c in np.unique(clusters)]
    for rows in _chunks(n_permutations, len(labels)):
        shuffled = np.tile(small, (rows, 1))
        for block in blocks:
            shuffled[:, block] = rng.permuted(shuffled[:, block], axis=1)
        yield shuffled


def _chunks(total: int, n: int) -> Iterator[int]:
    size = max(1, _CHUNK_CELLS // max(n, 1))
    for start in range(0, total, size):
        yield min(size, total - start)
