"""One unit of an atlas: its numbers, and the images at the ends and along its range."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.statistics import exact, ranking
from clipprobe.neurons.atlas.statistics.derived import peak_floor, peaks, quantiles
from clipprobe.neurons.atlas.statistics.floors import BELL
from clipprobe.neurons.atlas.statistics.ranges import HISTOGRAM_BITS, N_HISTOGRAM, edges
from clipprobe.neurons.atlas.statistics.samples import N_BINS, NO_SAMPLE
from clipprobe.runs import jsonio

if TYPE_CHECKING:
    from clipprobe.data import ImageRecord
    from clipprobe.hooks.units import Site
    from clipprobe.neurons.atlas.images import ImageTable
    from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics

PIECES = "tokens"
"""Attribute of a text's record: its tokens as words, a JSON list."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One image and how the unit responded to it.

    Attributes:
        image: Number of the image in the data set.
        id: Its id.
        label: Its label, where the data set has one.
        value: Pooled activation.
        token: The token (or place on a map) that gave the value; None where the pooling has none.
        place: Its row and column on the grid; None for the class token.
        piece: Of a text, that token in words; None for images.
    """

    image: int
    id: str
    label: str | None
    value: float
    token: int | None
    place: tuple[int, int] | None
    piece: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A stretch of the unit's range and images drawn evenly from it.

    Attributes:
        low, high: Its ends, ``low <= activation < high``.
        n_images: Images of the data set in it.
        firings: Those that stand for it, in order of activation.
    """

    low: float
    high: float
    n_images: int
    firings: tuple[Firing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What an atlas knows of one unit. All activations are pooled; :attr:`name` says how.

    Attributes:
        address: ``<hook point>:<index>``.
        name: Address and pooling, as every page shows it.
        kind: neuron, dimension or channel.
        pool: The pooling rule.
        n_images: Images that entered.
        n_outside: Images left out because the activation was not finite or above 2**16.
        mean, std: Over images (population standard deviation).
        low, high: Smallest and largest activation.
        share_positive: Share of images above 0.
        share_above: Share of images above ``threshold``.
        threshold: As given to the scan.
        quantiles: ``{p: activation}``, the smallest activation that a share p of the images does
            not exceed (numpy's ``inverted_cdf``), from the histogram: within ``bin_width`` of it.
        bin_width: Width of a histogram bin.
        peak: How far the mean of the top images lies above the mean, in standard deviations; NaN
            for a constant unit.
        peak_floor: What 95 % of the units stay below that ``peak_floor_of`` names: those of the
            hook point at random weights where a twin's atlas lies beside this one, else
            bell-shaped ones, which respond to nothing in particular; see ``floors``.
        peak_floor_of: These units, in words.
        histogram_edges, histogram: Bin edges ``(m + 1,)`` and images per bin ``(m,)``, from the
            first to the last bin that is not empty.
        top, bottom: The strongest and the weakest images, ties in order of id.
        bins: The range from the bottom to the top.
    """

    address: str
    name: str
    kind: str
    pool: str
    n_images: int
    n_outside: int
    mean: float
    std: float
    low: float
    high: float
    share_positive: float
    share_above: float
    threshold: float
    quantiles: dict[float, float]
    bin_width: float
    peak: float
    peak_floor: float
    peak_floor_of: str
    histogram_edges: NDArray[np.float64]
    histogram: NDArray[np.uint32]
    top: tuple[Firing, ...]
    bottom: tuple[Firing, ...]
    bins: tuple[Bin, ...]

    @property
    def sparsity(self) -> float:
        """Share of images at or below ``threshold``: near 1 for a unit that responds to few."""
        return 1.0 - self.share_above

    @property
    def reason(self) -> str:
        """Why numbers are undefined; empty where all are defined."""
        if not self.n_images:
            return "no image gave a finite activation"
        return "the unit is constant, so its peak has no scale" if math.isnan(self.peak) else ""

    def share_below(self, value: float) -> float:
        """Share of images below ``value``, from the histogram: those in its bin count half.

        NaN where no image gave a finite activation.
        """
        if not self.n_images:
            return math.nan
        below = int(self.histogram[self.histogram_edges[1:] <= value].sum())
        inside = (self.histogram_edges[:-1] <= value) & (value < self.histogram_edges[1:])
        return (below + int(self.histogram[inside].sum()) / 2) / self.n_images

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; undefined numbers are null, with ``reason`` beside them."""
        quantiles = {f"{p:g}": value for p, value in self.quantiles.items()}
        derived = {"quantiles": quantiles, "sparsity": self.sparsity, "reason": self.reason}
        data: dict[str, Any] = jsonio.plain(asdict(self) | derived)
        return data


def unit_of(
    site: Site, statistics: UnitStatistics, index: int, images: ImageTable, pool: str
) -> Unit:
    """Everything about one unit."""
    one = slice(index, index + 1)
    count = int(statistics.count[index])
    means, variances = exact.mean_and_variance(
        statistics.count[one], statistics.sums[one], statistics.squares[one]
    )
    mean, std = float(means[0]), float(np.sqrt(variances[0]))
    half_range = int(statistics.ranges.half_range[index])
    histogram = statistics.ranges.histogram[index]
    filled = np.flatnonzero(histogram)
    first, last = (int(filled[0]), int(filled[-1]) + 1) if count else (0, 0)
    top = ranked(site, statistics.top, index, images)
    address = f"{site.name}:{index}"
    return Unit(
        address=address,
        name=f"{address} ({site.pooled(pool)})",
        kind=site.unit,
        pool=pool,
        n_images=count,
        n_outside=int(statistics.n_outside[index]),
        mean=mean,
        std=std,
        low=float(statistics.low[index]) if count else math.nan,
        high=float(statistics.high[index]) if count else math.nan,
        share_positive=float(statistics.n_positive[index] / count) if count else math.nan,
        share_above=float(statistics.n_above[index] / count) if count else math.nan,
        threshold=statistics.settings.threshold,
        quantiles=dict(
            zip(QUANTILES, quantiles(statistics, QUANTILES, one)[0].tolist(), strict=True)
        ),
        bin_width=2.0 ** (half_range - HISTOGRAM_BITS),
        peak=float(peaks(statistics, one)[0]),
        peak_floor=peak_floor(count, len(top)),
        peak_floor_of=BELL,
        histogram_edges=edges(half_range, N_HISTOGRAM)[first : last + 1],
        histogram=histogram[first:last],
        top=top,
        bottom=ranked(site, statistics.bottom, index, images),
        bins=_bins(site, statistics, index, images, histogram, half_range),
    )


def ranked(site: Site, ends: ranking.Ranking, index: int, images: ImageTable) -> tuple[Firing, ...]:
    """The images at one end of a unit's range, the first of it first."""
    values, numbers = ranking.unpack(ends.keys[index], largest=ends.largest)
    return tuple(
        firing(site, images, int(number), float(value), int(token))
        for value, number, token in zip(values, numbers, ends.tokens[index], strict=True)
        if number >= 0
    )


def firing(site: Site, images: ImageTable, number: int, value: float, token: int) -> Firing:
    """One image with its value."""
    record = images.record(number)
    known = token != ranking.NO_TOKEN
    return Firing(
        image=number,
        id=record.id,
        label=record.label,
        value=value,
        token=token if known else None,
        place=site.place(token) if known else None,
        piece=_piece(record, token) if known else None,
    )


def _piece(record: ImageRecord, token: int) -> str | None:
    pieces = record.attributes.get(PIECES)
    texts: list[str] = json.loads(pieces) if pieces is not None else []
    return texts[token] if token < len(texts) else None


def _bins(
    site: Site,
    statistics: UnitStatistics,
    index: int,
    images: ImageTable,
    histogram: NDArray[np.uint32],
    half_range: int,
) -> tuple[Bin, ...]:
    counts = histogram.reshape(N_BINS, -1).sum(axis=1)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return ()
    ends = edges(half_range, N_BINS)
    samples = statistics.ranges.samples
    bins = []
    for place in range(int(filled[0]), int(filled[-1]) + 1):
        firings = [
            firing(site, images, int(key) & 0xFFFFFFFF, float(value), int(token))
            for key, value, token in zip(
                samples.keys[index, place],
                samples.values[index, place],
                samples.tokens[index, place],
                strict=True,
            )
            if key != NO_SAMPLE
        ]
        firings.sort(key=lambda one: (one.value, one.image))
        bins.append(
            Bin(
                low=float(ends[place]),
                high=float(ends[place + 1]),
                n_images=int(counts[place]),
                firings=tuple(firings),
            )
        )
    return tuple(bins)
