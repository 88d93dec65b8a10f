"""What the accumulator must keep, from all activations at once, in the plainest way."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from clipprobe.neurons.atlas.statistics.accumulator import Settings, UnitStatistics
from clipprobe.neurons.atlas.statistics.ranges import N_HISTOGRAM, SMALLEST_HALF_RANGE
from clipprobe.neurons.atlas.statistics.samples import N_BINS, priority_of, unit_salts

NAME = "vision.blocks.0.mlp.post"


def priorities(images: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.array([priority_of(f"{i}.png", seed) for i in images], np.int64)


def accumulate(values, tokens=None, *, images=None, settings=Settings(), batch=32):  # noqa: B008
    """One pass over ``values`` (n, units) in batches."""
    values = np.asarray(values, np.float32)
    images = np.arange(len(values)) if images is None else np.asarray(images)
    statistics = UnitStatistics.empty(NAME, values.shape[1], settings)
    rank = priorities(images, settings.seed)
    for start in range(0, len(values), batch):
        rows = slice(start, start + batch)
        part = None if tokens is None else tokens[rows]
        statistics.update(values[rows], images[rows], rank[rows], part)
    statistics.flush()
    return statistics


def state_bytes(statistics: UnitStatistics) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in statistics.state().items()}


def rounded(value: np.float32) -> Fraction:
    """The activation as statistics see it: a multiple of 2**-32."""
    return Fraction(round(Fraction(float(value)) * 2**32), 2**32)


def moments(column: np.ndarray) -> tuple[float, float]:
    terms = [rounded(value) for value in column]
    mean = sum(terms) / len(terms)
    return float(mean), float(sum((term - mean) ** 2 for term in terms) / len(terms))


def half_range(column: np.ndarray) -> int:
    largest = max(abs(rounded(value)) for value in column)
    k = SMALLEST_HALF_RANGE
    while not largest < Fraction(2) ** k:
        k += 1
    return k


def bins(column: np.ndarray, n_bins: int) -> list[int]:
    width = Fraction(2) ** half_range(column) / (n_bins // 2)
    return [math.floor(rounded(value) / width) + n_bins // 2 for value in column]


def histogram(column: np.ndarray) -> list[int]:
    counts = [0] * N_HISTOGRAM
    for place in bins(column, N_HISTOGRAM):
        counts[place] += 1
    return counts


def ranked(column: np.ndarray, k: int, *, largest: bool) -> list[tuple[float, int]]:
    sign = -1 if largest else 1
    order = sorted(range(len(column)), key=lambda i: (sign * float(column[i]), i))
    return [(float(column[i]), i) for i in order[:k]]


def samples(column: np.ndarray, unit: int, n_units: int, m: int, seed: int = 0) -> list[list[int]]:
    """Image numbers that stand for each bin, by priority."""
    salt = int(unit_salts(NAME, n_units, seed)[unit])
    rank = priorities(np.arange(len(column)), seed)
    kept: list[list[int]] = [[] for _ in range(N_BINS)]
    for image, place in enumerate(bins(column, N_BINS)):
        kept[place].append(image)
    return [sorted(group, key=lambda i: (int(rank[i]) ^ salt, i))[:m] for group in kept]
