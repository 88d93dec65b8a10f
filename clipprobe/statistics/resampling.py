"""Resampled groups: bootstrap weights and permuted labels, in chunks of many draws.

Clusters (several images of one person, several attacks on one image) move together in both:
without that, copies would pass for evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Ints
from clipprobe.errors import DataError

Copies = NDArray[np.uint8]  # small types: a report keeps the draws of a column where it can
Labels = NDArray[np.int8]

_CHUNK_CELLS = 4_000_000  # numbers of one chunk of draws: 32 MB as float64


def nested(labels: Ints, clusters: Ints | None) -> bool:
    """Whether every cluster lies within one group (true without clusters)."""
    return clusters is None or bool(_in_one(labels, clusters).all())


def _in_one(labels: Ints, clusters: Ints) -> NDArray[np.bool_]:
    """Whether the cluster of each image lies within one group, ``(n,)``."""
    n_clusters = int(clusters.max(initial=-1)) + 1
    low, high = np.full(n_clusters, np.iinfo(np.int64).max), np.full(n_clusters, -1)
    np.minimum.at(low, clusters, labels)
    np.maximum.at(high, clusters, labels)
    return np.asarray((low == high)[clusters])


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
    for rows in chunk_rows(n_boot, n):
        weights = np.zeros((rows, n_units), dtype=np.uint8)
        for unit_ids in members:
            count = len(unit_ids)
            weights[:, unit_ids] = rng.multinomial(count, np.full(count, 1 / count), size=rows)
        yield weights[:, units]


def permuted_labels(
    labels: Ints,
    clusters: Ints | None,
    n_permutations: int,
    rng: np.random.Generator,
    strata: Ints | None = None,
) -> Iterator[Labels]:
    """Group labels under the null that groups do not matter, in chunks ``(b, n)``.

    Without clusters the labels are shuffled over images. Clusters that lie inside one group change
    their label as a whole, among each other; in a cluster that spans groups the labels are shuffled
    over its own images, which holds whatever is common to it fixed.

    Args:
        strata: ``(n,)``: labels are shuffled within each stratum only (a conditional permutation
            test: what the strata explain is not evidence against the null).
    Raises:
        DataError: a cluster lies in several strata, so it cannot change its label as a whole. Where
            other clusters span groups it keeps its label, unless most clusters are such.
    """
    small = labels.astype(np.int8)
    units = np.arange(len(labels)) if clusters is None else clusters
    within = np.zeros_like(labels) if strata is None else strata
    whole = np.zeros(len(labels), dtype=bool)
    if clusters is not None:
        whole = _in_one(labels, clusters)
        several = whole & ~_in_one(within, clusters)
        refused = len(np.unique(clusters[several]))
        if refused and (whole.all() or 2 * refused > len(np.unique(clusters))):
            raise DataError(
                "A cluster lies in several strata of the control columns: control for what "
                "is the same for all images of a cluster."
            )
        whole = whole & ~several
    rest = np.flatnonzero(~whole)
    names, first, place = np.unique(units[whole], return_index=True, return_inverse=True)
    of_cluster, stratum = small[whole][first], within[whole][first]
    clusters_of = [np.flatnonzero(stratum == s) for s in np.unique(stratum)]
    keys = np.stack([np.zeros_like(rest) if clusters is None else units[rest], within[rest]])
    _, block = np.unique(keys, axis=1, return_inverse=True)
    images_of = [np.flatnonzero(block.ravel() == b) for b in range(int(block.max(initial=-1)) + 1)]
    for rows in chunk_rows(n_permutations, len(labels)):
        permuted = np.empty((rows, len(labels)), dtype=np.int8)
        if len(names):
            permuted[:, whole] = _shuffled(of_cluster, clusters_of, rows, rng)[:, place]
        if len(rest):
            permuted[:, rest] = _shuffled(small[rest], images_of, rows, rng)
        yield permuted


def _shuffled(
    labels: Labels, blocks: Sequence[Ints], rows: int, rng: np.random.Generator
) -> Labels:
    """``rows`` copies of the labels, each shuffled within the blocks."""
    if len(blocks) == 1:
        return _permuted(labels, rows, rng)
    shuffled = np.tile(labels, (rows, 1))
    for block in blocks:
        shuffled[:, block] = _permuted(labels[block], rows, rng)
    return shuffled


def _permuted(labels: Labels, rows: int, rng: np.random.Generator) -> Labels:
    # numpy shuffles numbers as wide as a pointer faster than small ones, in the same order, and
    # a few rows at a time stay in the processor's cache.
    wide = labels.astype(np.intp)
    shuffled = np.empty((rows, len(labels)), dtype=np.int8)
    for start in range(0, rows, 8):
        part = shuffled[start : start + 8]
        part[:] = rng.permuted(np.tile(wide, (len(part), 1)), axis=1)
    return shuffled


def chunk_rows(total: int, n: int) -> Iterator[int]:
    """Rows of each chunk of draws over ``n`` images."""
    size = max(1, _CHUNK_CELLS // max(n, 1))
    for start in range(0, total, size):
        yield min(size, total - start)
