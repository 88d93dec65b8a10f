"""How a unit's activations spread: a histogram, and images drawn evenly from its whole range.

The Distill article looks at a neuron's images from the strongest inhibition to the strongest
excitation, not only at the top ("Multimodal Neurons", section Methodology: uniformly spaced
activation buckets, a fixed sample from each). The range of a unit is not known before the last
image, and bins that are set by what came first would depend on the order. So the bins are dyadic:
a unit whose largest magnitude lies below 2**k (k the smallest such integer) has bins of equal
width 2**k / N on either side of zero. When a larger activation arrives, k grows and
neighbouring bins fall together in pairs: the edges at any k are a subset of those at k - 1, so
the outcome is the one that the final k alone would have given.

Terms: ``half_range`` k; *bin* j covers [j, j + 1) widths, j from -N to N - 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.statistics.ranking import Rows
from clipprobe.neurons.atlas.statistics.samples import N_BINS, SAMPLE_BITS, Samples, unit_salts

Int64 = NDArray[np.int64]

HISTOGRAM_BITS = 6
N_HISTOGRAM = 2 * 2**HISTOGRAM_BITS
"""Histogram bins of a unit, both sides of zero."""
SMALLEST_HALF_RANGE = -16
"""Units that never leave (-2**-16, 2**-16), such as constant zeros, share this half range."""
_ROW_BITS = 8
MAX_ROWS = 2**_ROW_BITS
"""Rows of one update."""

_TICK_BITS = 32


def half_range_of(ticks_magnitude: Int64) -> NDArray[np.int64]:
    """The smallest k with magnitude < 2**k, for magnitudes in ticks (2**-32)."""
    _, exponent = np.frexp(ticks_magnitude.astype(np.float64))
    return np.maximum(exponent.astype(np.int64) - _TICK_BITS, SMALLEST_HALF_RANGE)


def bin_of(ticks: Int64, half_range: NDArray[np.int64], bits: int) -> Int64:
    """Bin numbers counted from 0 (= bin -N): ticks ``(rows, n)``, half ranges ``(n,)``."""
    bins: Int64 = (ticks >> (_TICK_BITS + half_range - bits)[None, :]) + 2**bits
    return bins


def edges(half_range: int, n_bins: int) -> NDArray[np.float64]:
    """The ``n_bins + 1`` edges of a unit's bins, in activation."""
    half = n_bins // 2
    return np.arange(-half, half + 1, dtype=np.float64) * (2.0**half_range / half)


def widen_counts(counts: NDArray[np.uint32], steps: int) -> NDArray[np.uint32]:
    """Counts ``(rows, 2N)`` after the half range grew by ``steps``: bins fall together."""
    half = counts.shape[1] // 2
    group = min(2**steps, half)
    half_width = half // group
    wide = np.zeros_like(counts)
    for side, target in ((counts[:, half:], half), (counts[:, :half], half - half_width)):
        grouped = side.reshape(len(counts), half_width, group).sum(axis=2, dtype=np.uint32)
        wide[:, target : target + half_width] = grouped
    return wide


@dataclass(slots=True)
class Ranges:
    """Histogram and samples of ``n`` units.

    Attributes:
        half_range: ``(n,)`` int64 k.
        histogram: ``(n, N_HISTOGRAM)`` uint32 images per bin.
        samples: Images that stand for each of the ``N_BINS`` coarser bins.
        salts: ``(n,)`` int64 mask of each unit over the priorities of the images.
    """

    half_range: Int64
    histogram: NDArray[np.uint32]
    samples: Samples
    salts: Int64

    @classmethod
    def empty(cls, name: str, n_units: int, per_bin: int, seed: int) -> Ranges:
        """No image seen yet."""
        return cls(
            np.full(n_units, SMALLEST_HALF_RANGE, np.int64),
            np.zeros((n_units, N_HISTOGRAM), np.uint32),
            Samples.empty(n_units, per_bin),
            unit_salts(name, n_units, seed),
        )

    def update(self, rows: Rows, ticks: Int64) -> None:
        """Take in a batch; ``ticks`` are its values in ticks, at most ``MAX_ROWS`` rows."""
        block, inside, first = rows.block, rows.inside, rows.block.start
        self._widen(half_range_of(np.abs(ticks).max(axis=0)), first)
        n = ticks.shape[1]
        slots = bin_of(ticks, self.half_range[block], HISTOGRAM_BITS)
        slots += np.arange(n) * N_HISTOGRAM
        counted = np.bincount(
            slots.ravel() if inside is None else slots[inside], minlength=n * N_HISTOGRAM
        )
        self.histogram[block] += counted.reshape(n, -1).astype(np.uint32)
        if not self.samples.keys.shape[2]:
            return
        slots >>= HISTOGRAM_BITS - SAMPLE_BITS  # from here on: of the block's units
        order = rows.priorities[:, None] ^ self.salts[None, block]
        worst = self.samples.keys[block, :, -1].ravel() >> 32
        improves = order <= worst[slots]
        if inside is not None:
            improves &= inside
        place = np.flatnonzero(improves)
        # One sort by slot, priority and row (rows are in image order): the row comes back with it.
        packed = (slots.ravel()[place] << (31 + _ROW_BITS)) | (place // n)
        packed |= order.ravel()[place] << _ROW_BITS
        packed.sort()
        slot, row = packed >> (31 + _ROW_BITS), packed & (MAX_ROWS - 1)
        unit = slot // N_BINS
        keys = ((packed >> _ROW_BITS & (2**31 - 1)) << 32) | rows.images[row]
        values, tokens = rows.values[row, unit], rows.tokens[row, unit]
        self.samples.update(slot + first * N_BINS, keys, values, tokens)

    def merge(self, other: Ranges) -> Ranges:
        """What one pass over the images of both would have kept."""
        target = np.maximum(self.half_range, other.half_range)
        left, right = self._at(target), other._at(target)
        left.samples.merge(right.samples)
        left.histogram += right.histogram
        return left

    def _at(self, half_range: Int64) -> Ranges:
        copy = Ranges(
            self.half_range.copy(), self.histogram.copy(), self.samples.copy(), self.salts
        )
        copy._widen(half_range, 0)
        return copy

    def _widen(self, half_range: Int64, first: int) -> None:
        """Let the units from ``first`` on have at least these half ranges."""
        steps = half_range - self.half_range[first : first + len(half_range)]
        for step in np.unique(steps[steps > 0]).tolist():
            rows = np.flatnonzero(steps == step) + first
            self.half_range[rows] += step
            rows = rows[self.histogram[rows].any(axis=1)]
            self.histogram[rows] = widen_counts(self.histogram[rows], step)
            self.samples.widen(rows, step)
