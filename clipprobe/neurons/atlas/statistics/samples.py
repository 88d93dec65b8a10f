"""Images drawn evenly from every activation bin of every unit, the same however they arrive.

Which images stand for a bin is decided by a priority drawn from a hash of the image's id
(bottom-m sampling): the m lowest are a uniform sample without replacement, and the m lowest of
a union can be had from the m lowest of its parts. Each unit masks the priorities in its own way
(exclusive or with a constant keeps them uniform), so that units do not all show the same images.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

SAMPLE_BITS = 4
N_BINS = 2 * 2**SAMPLE_BITS
"""Sampled bins of a unit, both sides of zero."""
NO_SAMPLE = np.iinfo(np.int64).max
"""The key of a place that no image has taken."""


def priority_of(image_id: str, seed: int) -> int:
    """The 31-bit priority of an image, uniform over ids, the same on every machine."""
    digest = hashlib.sha256(f"{seed}:{image_id}".encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def unit_salts(name: str, n_units: int, seed: int) -> Int64:
    """31-bit masks that give each unit its own order of the images, so samples differ by unit.

    SplitMix64 (Steele et al. 2014) from a hash of the hook point's name: numpy's own generators
    may change their streams between versions.
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    steps = np.arange(1, n_units + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = steps + np.uint64(int.from_bytes(digest[:8], "big"))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(33)).astype(np.int64)


@dataclass(slots=True)
class Samples:
    """The images that stand for each bin.

    Attributes:
        keys: ``(n, N_BINS, m)`` int64, ascending: priority in the high half, image number in the
            low half; ``NO_SAMPLE`` where the bin has fewer images.
        values: ``(n, N_BINS, m)`` float32 activations (0 where empty).
        tokens: ``(n, N_BINS, m)`` int32 (-1 where empty or not meant).
    """

    keys: Int64
    values: NDArray[np.float32]
    tokens: NDArray[np.int32]

    @classmethod
    def empty(cls, n_units: int, m: int) -> Samples:
        """No image seen yet."""
        shape = (n_units, N_BINS, m)
        return cls(
            np.full(shape, NO_SAMPLE, np.int64),
            np.zeros(shape, np.float32),
            np.full(shape, -1, np.int32),
        )

    def copy(self) -> Samples:
        """An independent copy."""
        return Samples(self.keys.copy(), self.values.copy(), self.tokens.copy())

    def widen(self, rows: Int64, steps: int) -> None:
        """Let bins of these units fall together after their half range grew by ``steps``."""
        half = N_BINS // 2
        group = min(2**steps, half)
        half_width = half // group
        m = self.keys.shape[2]
        old = (self.keys[rows], self.values[rows], self.tokens[rows])
        empty = Samples.empty(len(rows), m)
        new: list[NDArray[Any]] = [empty.keys, empty.values, empty.tokens]
        for start, target in ((half, half), (0, half - half_width)):
            parts = [
                part[:, start : start + half].reshape(len(rows), half_width, group * m)
                for part in old
            ]
            order = np.argsort(parts[0], axis=2)[:, :, :m]
            for wide, part in zip(new, parts, strict=True):
                together = np.take_along_axis(part, order, axis=2)
                wide[:, target : target + half_width] = together
        self.keys[rows], self.values[rows], self.tokens[rows] = new

    def update(
        self, slots: Int64, keys: Int64, values: NDArray[np.float32], tokens: NDArray[np.int32]
    ) -> None:
        """Take in candidates, one entry per array, sorted by slot and then by key.

        Args:
            slots: ``unit * N_BINS + bin``.
            keys, values, tokens: As in the fields.
        """
        m = self.keys.shape[2]
        if not len(slots):
            return
        starts = np.flatnonzero(np.concatenate([[True], slots[1:] != slots[:-1]]))
        sizes = np.diff(np.append(starts, len(slots)))
        group = np.repeat(np.arange(len(starts)), sizes)
        rank = np.arange(len(slots)) - starts[group]
        front = np.flatnonzero(rank < m)  # a slot keeps at most m of its candidates
        place = (group[front], m + rank[front])
        touched = slots[starts]
        mine = [part.reshape(-1, m) for part in (self.keys, self.values, self.tokens)]
        pool = np.full((len(touched), 2 * m), NO_SAMPLE, np.int64)
        pool[:, :m] = mine[0][touched]
        pool[place] = keys[front]
        best = np.argsort(pool, axis=1)[:, :m]
        mine[0][touched] = np.take_along_axis(pool, best, axis=1)
        for target, theirs, blank in ((mine[1], values, 0), (mine[2], tokens, -1)):
            carried = np.full(pool.shape, blank, target.dtype)
            carried[:, :m] = target[touched]
            carried[place] = theirs[front]
            target[touched] = np.take_along_axis(carried, best, axis=1)

    def merge(self, other: Samples) -> None:
        """Take in the samples of another accumulator with the same half ranges, in place."""
        units, bins, places = np.nonzero(other.keys != NO_SAMPLE)
        slots_of = (units, bins, places)
        slots = units * N_BINS + bins
        self.update(slots, other.keys[slots_of], other.values[slots_of], other.tokens[slots_of])
