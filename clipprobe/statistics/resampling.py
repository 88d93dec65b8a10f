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

    Without clusters the labels are shuffled over images; with clusters inside groups whole
    clusters change their label; where clusters span groups the labels are shuffled within each
    cluster, which holds whatever is common to a cluster fixed.

    Args:
        strata: ``(n,)``: labels are shuffled within each stratum only (a conditional permutation
            test: what the strata explain is not evidence against the null).
    Raises:
        DataError: a cluster lies in several strata, so it cannot change its label as a whole.
    """
    small = labels.astype(np.int8)
    if clusters is not None and nested(labels, clusters):
        of_cluster = np.zeros(int(clusters.max()) + 1, dtype=np.int8)
        of_cluster[clusters] = small
        stratum = np.zeros(len(of_cluster), dtype=np.int64)
        if strata is not None:
            if not nested(strata, clusters):
                raise DataError(
                    "A cluster lies in several strata of the control columns: control for what "
                    "is the same for all images of a cluster."
                )
            stratum[clusters] = strata
        blocks = [np.flatnonzero(stratum == s) for s in np.unique(stratum)]
        for rows in chunk_rows(n_permutations, len(labels)):
            yield _shuffled(of_cluster, blocks, rows, rng)[:, clusters]
        return
    keys = np.zeros((len(labels), 2), dtype=np.int64)
    for place, ids in enumerate((clusters, strata)):
        if ids is not None:
            keys[:, place] = ids
    _, block = np.unique(keys, axis=0, return_inverse=True)
    blocks = [np.flatnonzero(block.ravel() == b) for b in range(int(block.max(initial=-1)) + 1)]
    for rows in chunk_rows(n_permutations, len(labels)):
        yield _shuffled(small, blocks, rows, rng)


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
