"""Resampling shared by every cell of a column: bootstrap weights and permuted group labels.

A report has many cells over the same images, so the draws are made once per group column and
used, as matrices, for all of them. Clusters (several images of one person, several renderings
of one drawing) move together in both: without that, copies would pass for evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats as Floats
from clipprobe.arrays import Ints as Ints
from clipprobe.statistics.resampling import Copies as Copies
from clipprobe.statistics.resampling import Labels as Labels
from clipprobe.statistics.resampling import bootstrap_weights as bootstrap_weights
from clipprobe.statistics.resampling import chunk_rows as chunk_rows
from clipprobe.statistics.resampling import nested as nested
from clipprobe.statistics.resampling import permuted_labels as permuted_labels
from clipprobe.statistics.seeds import generator as generator

_KEEP_BYTES = 1 << 29  # draws of more than that are made anew for each use
_SHARE_BYTES = 600_000_000  # four columns of FairFace's 10,954 images


Item = TypeVar("Item", bound=np.generic)


class Draws(Generic[Item]):
    """Chunks ``(b, n)`` that can be gone through again and again, with the same content.

    Args:
        make: Makes the chunks from scratch, the same ones every time.
        n_bytes: Their size; chunks are kept where it is small enough.
    """

    def __init__(self, make: Callable[[], Iterator[NDArray[Item]]], n_bytes: int) -> None:
        self._make = make
        self.n_bytes = n_bytes
        self._chunks: tuple[NDArray[Item], ...] | None = None

    @property
    def in_memory(self) -> bool:
        """Whether the chunks lie in memory."""
        return self._chunks is not None

    def __iter__(self) -> Iterator[NDArray[Item]]:
        if self._chunks is None and self.n_bytes <= _KEEP_BYTES:
            self._chunks = tuple(self._make())  # on first use: some probes need no draws
        return self._make() if self._chunks is None else iter(self._chunks)


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
            spent += sum(one.n_bytes for one in draws if one.in_memory)
            if spent > _SHARE_BYTES and name != key:
                del self._by_key[name]
        if key not in self._by_key:
            self._by_key[key] = make()
        return self._by_key[key]


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
    groups: dict[bytes, list[Ints]] = {}
    for own in members:
        groups.setdefault(kind[own].tobytes(), []).append(own)
    return [np.stack(same) for same in groups.values()]


def exchanged(units: Sequence[Ints], n: int, rng: np.random.Generator) -> Ints:
    """An order of the images, ``(n,)``, in which units that are alike have changed places."""
    order = np.arange(n)
    for same in units:
        order[same.ravel()] = same[rng.permutation(len(same))].ravel()
    return order
