"""Numbers that follow from the statistics of units: quantiles and peaks."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.statistics import exact, ranking
from clipprobe.neurons.atlas.statistics.ranges import HISTOGRAM_BITS, N_HISTOGRAM

if TYPE_CHECKING:
    from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics


def peaks(statistics: UnitStatistics, block: slice = slice(None)) -> NDArray[np.float64]:
    """How far the mean of each unit's top images lies above its mean, in standard deviations."""
    means, variances = exact.mean_and_variance(
        statistics.count[block], statistics.sums[block], statistics.squares[block]
    )
    values, _ = ranking.unpack(statistics.top.keys[block], largest=True)
    known = ~np.isnan(values)
    tops = np.where(known, values, 0).astype(np.float64).sum(axis=1) / np.maximum(
        known.sum(axis=1), 1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        peak: NDArray[np.float64] = (tops - means) / np.sqrt(variances)
    peak[~(variances > 0)] = np.nan
    return peak


def peak_floor(n: int, k: int) -> float:
    """The expected mean of the k largest of n draws from a normal distribution, in its std.

    The tail mean of the normal above its (1 - k/n) quantile; the error is below 0.1 for k of 4 and
    more. NaN where k is 0; 0 where all are in the top.
    """
    if not k:
        return math.nan
    if k >= n:
        return 0.0
    normal = NormalDist()
    return normal.pdf(normal.inv_cdf(1 - k / n)) * n / k


def quantiles(
    statistics: UnitStatistics, shares: tuple[float, ...], block: slice = slice(None)
) -> NDArray[np.float64]:
    """Quantiles ``(n, len(shares))`` interpolated in the histogram; NaN for a unit without values.

    An image count is spread evenly over its bin; results never leave [low, high].
    """
    ranges = statistics.ranges
    counts = ranges.histogram[block].astype(np.int64)
    total = statistics.count[block]
    reached = np.cumsum(counts, axis=1)
    width = 2.0 ** (ranges.half_range[block] - HISTOGRAM_BITS)
    units = np.arange(len(counts))
    result = np.full((len(counts), len(shares)), np.nan)
    for column, share in enumerate(shares):
        wanted = share * total
        place = (reached < wanted[:, None]).sum(axis=1).clip(max=N_HISTOGRAM - 1)
        inside = counts[units, place]
        before = reached[units, place] - inside
        step = (wanted - before) / np.maximum(inside, 1)
        value = (place - N_HISTOGRAM // 2 + step) * width
        result[:, column] = np.clip(value, statistics.low[block], statistics.high[block])
    result[total == 0] = np.nan
    return result
