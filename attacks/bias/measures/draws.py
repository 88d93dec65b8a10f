"""Resampling shared by every cell of a column: bootstrap weights and permuted group labels.

A report has many cells over the same images, so the draws are made once per group column and
used, as matrices, for all of them. Clusters (several pictures of one person, several renderings
of one drawing) move together in both: without that, copies would pass for evidence.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats as Floats
from clipprobe.arrays import Ints as Ints
from clipprobe.errors import DataError

Copies = NDArray[np.uint8]  # small types: a report keeps the draws of a column where it can
Labels = NDArray[np.int8]

_CHUNK_CELLS = 4_000_000  # numbers of one chunk of draws: 32 MB as float64
_KEEP_BYTES = 1 << 29  # draws of more than that are made anew for each use
_SHARE_BYTES = 600_000_000  # four columns of FairFace's 10,954 images


Drawn = TypeVar("Drawn", bound=np.generic)


class Draws(Generic[Drawn]):
    """Chunks ``(b, n)`` that can be gone through again and again, with the same content.

    Args:
        make: Makes the chunks from scratch, the same ones every time.
        n_bytes: Their size; chunks are kept where it is small enough.
    """

    def __init__(self, make: Callable[[], Iterator[NDArray[Drawn]]], n_bytes: int) -> None:
        self._make = make
        self.n_bytes = n_bytes
        self._kept: tuple[NDArray[Drawn], ...] | None = None

    @property
    def kept(self) -> bool:
        """Whether the chunks lie in memory."""
        return self._kept is not None

    def __iter__(self) -> Iterator[NDArray[Drawn]]:
        if self._kept is None and self.n_bytes <= _KEEP_BYTES:
            self._kept = tuple(self._make())  # on first use: some probes need no draws
        return self._make() if self._kept is None else iter(self._kept)


class Shared:
    """Draws that several probes of one report use, by what they were made from.

    Making them costs more than using them. Those that were used stay in memory, the first ones
    first, up to :data:`_SHARE_BYTES` in all; the rest live as long as the probe that needs them.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, tuple[Draws[Any], ...]] = {}

    def get(self, key: str, make: Callable[[], tuple[Draws[Any], ...]]) -> tuple[Draws[Any], ...]:
        """The draws of this key, made lazily if nobody asked for them before."""
        spent = 0
        for name, draws in list(self._by_key.items()):
            spent += sum(one.n_bytes for one in draws if one.kept)
            if spent > _SHARE_BYTES and name != key:
                del self._by_key[name]
        if key not in self._by_key:
            self._by_key[key] = make()
        return self._by_key[key]


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
    for rows in chunk_rows(n_boot, n):
        drawn = np.zeros((rows, n_units), dtype=np.uint8)
        for unit_ids in members:
            count = len(unit_ids)
            drawn[:, unit_ids] = rng.multinomial(count, np.full(count, 1 / count), size=rows)
        yield drawn[:, units]


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
            test: what the strata explain is no evidence against the null).
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
    for place, given in enumerate((clusters, strata)):
        if given is not None:
            keys[:, place] = given
    _, block = np.unique(keys, axis=0, return_inverse=True)
    blocks = [np.flatnonzero(block.ravel() == b) for b in range(int(block.max(initial=-1)) + 1)]
    for rows in chunk_rows(n_permutations, len(labels)):
        yield _shuffled(small, blocks, rows, rng)


def alike(labels: Ints, clusters: Ints | None, strata: Ints | None) -> list[Ints]:
    """Units (images, or whole clusters) that no draw can tell apart, ``(units, size)`` each: of one
    size, with the same labels and strata in the same order.
    """
    _, kind = np.unique(
        np.stack([labels, np.zeros_like(labels) if strata is None else strata]),
        axis=1, return_inverse=True,
    )  # fmt: skip
    kind = kind.ravel()
    units = np.arange(len(labels)) if clusters is None else clusters
    order = np.lexsort((kind, units))
    members = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    found: dict[bytes, list[Ints]] = {}
    for own in members:
        found.setdefault(kind[own].tobytes(), []).append(own)
    return [np.stack(same) for same in found.values()]


def exchanged(units: Sequence[Ints], n: int, rng: np.random.Generator) -> Ints:
    """An order of the images, ``(n,)``, in which units that are alike have changed places."""
    order = np.arange(n)
    for same in units:
        order[same.ravel()] = same[rng.permutation(len(same))].ravel()
    return order


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
    """Rows of each chunk of so many draws over ``n`` images."""
    size = max(1, _CHUNK_CELLS // max(n, 1))
    for start in range(0, total, size):
        yield min(size, total - start)
