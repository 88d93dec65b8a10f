"""All units of a hook point side by side, and the search for those with a property.

Properties (``properties`` has them all), over the images of the atlas and for pooled activations:

* ``dead``: never above 0;
* ``always-on``: above 0 on every image;
* ``constant``: the same value on every image;
* ``selective``: not constant, ranked by *peak*, how far the mean of the top images lies above the
  mean of all, in standard deviations. A unit that responds to nothing in particular has a peak too
  (``peak_floor``), which grows with the number of images.

*Purity* is the share of the unit's top images that carry the most frequent label among them. With
few top images and many units some unit is pure by chance: ``purity_floor`` is the purity that none
of the hook point's units would reach by chance, with probability 0.95.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.statistics import exact, ranking
from clipprobe.neurons.atlas.statistics.derived import peak_floor, peaks, quantiles
from clipprobe.neurons.atlas.statistics.floors import BELL

if TYPE_CHECKING:
    from clipprobe.hooks.units import Site
    from clipprobe.neurons.atlas.images import ImageTable
    from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTable:
    """One entry per unit of a hook point, in order of index; every array is ``(n,)``.

    Attributes:
        site: Hook point.
        mean, std, low, median, high: Of the pooled activation over images.
        share_positive, share_above: Shares of images above 0 and above the threshold.
        sparsity: Share of images at or below the threshold.
        n_outside: Images left out because the activation was not finite or too large.
        peak: See the module; NaN where a unit is constant.
        peak_floor: What 95 % of the units stay below that ``peak_floor_of`` names: those of the
            hook point at random weights where a twin's atlas lies beside this one, else
            bell-shaped ones, for this number of images; see ``floors``.
        peak_floor_of: These units, in words.
        label: Most frequent label among the top images, ties in alphabetical order; "" without.
        purity: Its share of the top images; NaN without labels.
        purity_floor: See the module; NaN without labels.
        dead, always_on, constant: See the module.
    """

    FLOORS: ClassVar = ("peak_floor", "peak_floor_of", "purity_floor")
    site: str
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float32]
    median: NDArray[np.float64]
    high: NDArray[np.float32]
    share_positive: NDArray[np.float64]
    share_above: NDArray[np.float64]
    sparsity: NDArray[np.float64]
    n_outside: NDArray[np.int64]
    peak: NDArray[np.float64]
    peak_floor: float
    peak_floor_of: str
    label: NDArray[np.str_]
    purity: NDArray[np.float64]
    purity_floor: float
    dead: NDArray[np.bool_]
    always_on: NDArray[np.bool_]
    constant: NDArray[np.bool_]

    def columns(self) -> dict[str, Any]:
        """Columns for a data frame: unit, address and every array."""
        unit = np.arange(len(self.mean))
        address = [f"{self.site}:{index}" for index in unit]
        arrays = {name: getattr(self, name) for name in self.arrays()}
        return {"unit": unit, "address": address} | arrays

    def arrays(self) -> list[str]:
        """Names of the fields with one entry per unit."""
        return [name for name in self.__slots__ if name not in ("site", *self.FLOORS)]


def unit_table(
    site: Site, statistics: UnitStatistics, images: ImageTable, block: slice = slice(None)
) -> UnitTable:
    """The table of one hook point, or of a block of its units; floors are those of all of them."""
    statistics.flush()
    count, n_positive = statistics.count[block], statistics.n_positive[block]
    low, high = statistics.low[block], statistics.high[block]
    mean, variance = exact.mean_and_variance(
        count, statistics.sums[block], statistics.squares[block]
    )
    active = count > 0
    share = np.where(active, count, 1).astype(np.float64)
    undefined = np.where(active, 0.0, np.nan)
    above = statistics.n_above[block] / share + undefined
    label, purity, floor = _labels(statistics, images, block)
    return UnitTable(
        site=site.name,
        mean=mean,
        std=np.sqrt(variance),
        low=np.where(active, low, np.float32(np.nan)),
        median=quantiles(statistics, (0.5,), block)[:, 0],
        high=np.where(active, high, np.float32(np.nan)),
        share_positive=n_positive / share + undefined,
        share_above=above,
        sparsity=1 - above,
        n_outside=statistics.n_outside[block],
        peak=peaks(statistics, block),
        peak_floor=peak_floor(images.n_used, statistics.settings.top_k),
        peak_floor_of=BELL,
        label=label,
        purity=purity,
        purity_floor=floor,
        dead=active & (n_positive == 0),
        always_on=active & (n_positive == count),
        constant=active & (low == high),
    )


def _labels(
    statistics: UnitStatistics, images: ImageTable, block: slice
) -> tuple[NDArray[np.str_], NDArray[np.float64], float]:
    """Most frequent label of each unit's top images, its share, and the floor by chance."""
    _, winners = ranking.unpack(statistics.top.keys[block], largest=True)
    n, names = len(winners), images.labels.names
    if not names:
        return np.full(n, ""), np.full(n, np.nan), math.nan
    label_of = images.labels_of(winners)
    units, places = np.nonzero(label_of >= 0)
    flat = np.bincount(units * len(names) + label_of[units, places], minlength=n * len(names))
    counts = flat.reshape(n, len(names))
    best = counts.argmax(axis=1)
    size = (winners >= 0).sum(axis=1)
    share = counts[np.arange(n), best] / np.maximum(size, 1)
    share = np.where(size > 0, share, np.nan)
    floor = purity_floor(
        images.labels.totals, images.n_used, statistics.settings.top_k, statistics.n_units
    )
    return np.where(counts.max(axis=1) > 0, np.array(names)[best], ""), share, floor


def purity_floor(totals: NDArray[np.int64], n_images: int, k: int, n_units: int) -> float:
    """The smallest purity that, with probability 0.95, no unit reaches by chance.

    For k images drawn without replacement the count of a label is hypergeometric; a union bound
    over labels and units gives the level. NaN where even a purity of 1 is within chance.
    """
    k, sizes = min(k, n_images), Counter(totals.tolist())
    draws = math.comb(n_images, k)
    reaching = 0  # draws of k images with at least so many of one label, over all labels
    for count in range(min(k, max(sizes, default=0)), 0, -1):
        reaching += sum(
            n * math.comb(size, count) * math.comb(n_images - size, k - count)
            for size, n in sizes.items()
        )
        if 20 * n_units * reaching > draws:
            return (count + 1) / k if count < k else math.nan
    return 1 / k if k else math.nan
