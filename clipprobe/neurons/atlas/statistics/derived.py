"""Numbers that follow from the statistics of units: quantiles and peaks."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.statistics import exact, ranking
from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics
from clipprobe.neurons.atlas.statistics.ranges import HISTOGRAM_BITS, N_HISTOGRAM
from clipprobe.statistics import Estimate, undefined


def deviations(
    statistics: UnitStatistics, values: NDArray[np.floating], block: slice = slice(None)
) -> NDArray[np.float64]:
    """How far a value of each unit lies above its mean, in standard deviations, ``(n,)``."""
    means, variances = exact.mean_and_variance(
        statistics.count[block], statistics.sums[block], statistics.squares[block]
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        above: NDArray[np.float64] = (values - means) / np.sqrt(variances)
    above[~(variances > 0)] = np.nan
    return above


def peaks(statistics: UnitStatistics, block: slice = slice(None)) -> NDArray[np.float64]:
    """How far the mean of each unit's top images lies above its mean, in standard deviations."""
    values, _ = ranking.unpack(statistics.top.keys[block], largest=True)
    known = ~np.isnan(values)
    tops = np.where(known, values, 0).astype(np.float64).sum(axis=1) / np.maximum(
        known.sum(axis=1), 1
    )
    return deviations(statistics, tops, block)


def peak_floor(n: int, k: int) -> float:
    """The peak that 95 % of bell-shaped units stay below: k largest of n normal draws.

    Mean and variance of the tail mean above the (1 - k/n) quantile, in units of the sample's own
    standard deviation (Stigler 1973, Annals of Statistics 1, 472, by influence functions); the
    error is below 0.05 for k of 4 and more. NaN where k is 0; 0 where all are in the top.

    Units of real networks are not bell-shaped, nor are those of random ones: see :func:`twin_floor`
    for the level that takes their shape into account.
    """
    if not k:
        return math.nan
    if k >= n:
        return 0.0
    normal = NormalDist()
    cut, share = normal.inv_cdf(1 - k / n), k / n
    expected = normal.pdf(cut) / share
    x = np.linspace(-9, 9, 18_001)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    pull = np.maximum(x - cut, 0) / share + cut - expected - x - expected * (x**2 - 1) / 2
    error = math.sqrt(float((pull**2 * density).sum()) / n)
    return expected + normal.inv_cdf(0.95) * error


def twin_floor(peaks_of_twin: NDArray[np.float64]) -> Estimate:
    """The peak that 95 % of the units stay below; of a random twin, on the same images, a floor.

    The interval is that of the order statistics around it (binomial, 95 %).
    """
    from scipy.stats import binom

    known = np.sort(peaks_of_twin[~np.isnan(peaks_of_twin)])
    n = len(known)
    if n < 20:
        return undefined(f"{n} units have a peak: at least 20 are needed", n=n)
    low, high = (int(place) for place in binom.ppf((0.025, 0.975), n, 0.95))
    return Estimate(
        value=float(np.quantile(known, 0.95, method="inverted_cdf")),
        low=float(known[max(low - 1, 0)]),
        high=float(known[min(high, n - 1)]),
        n=n,
        method="95 % quantile over units, interval of order statistics",
    )


def quantiles(
    statistics: UnitStatistics, shares: tuple[float, ...], block: slice = slice(None)
) -> NDArray[np.float64]:
    """Quantiles ``(n, len(shares))`` interpolated in the histogram; NaN for a unit without values.

    Each is the smallest activation that at least that share of the images does not exceed (numpy's
    ``inverted_cdf``), to within one bin: the images of a bin are spread evenly over it. Results
    never leave [low, high].
    """
    ranges = statistics.ranges
    counts = ranges.histogram[block].astype(np.int64)
    total = statistics.count[block]
    reached = np.cumsum(counts, axis=1)
    width = 2.0 ** (ranges.half_range[block] - HISTOGRAM_BITS)
    units = np.arange(len(counts))
    result = np.full((len(counts), len(shares)), np.nan)
    for column, share in enumerate(shares):
        target = share * total
        place = (reached < target[:, None]).sum(axis=1).clip(max=N_HISTOGRAM - 1)
        inside = counts[units, place]
        before = reached[units, place] - inside
        step = (target - before) / np.maximum(inside, 1)
        value = (place - N_HISTOGRAM // 2 + step) * width
        result[:, column] = np.clip(value, statistics.low[block], statistics.high[block])
    result[total == 0] = np.nan
    return result
