"""Which units respond to one image, each by its place in its own range over the images of an atlas.

Activations of different units are not on one scale, so a unit is placed among the values that it
took over the atlas: the *percentile* is the share of those images to which it responds less. It
comes from the unit's histogram, so it is known to within the images of one bin (``low``, ``high``).

An image that is drawn as those of the atlas were is above all ``n`` of them for one unit in
``n + 1``: of many units some are always there (``n_above`` beside ``expected_above``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError
from clipprobe.models.activations import activations
from clipprobe.neurons.atlas.statistics.derived import deviations
from clipprobe.neurons.atlas.statistics.exact import LIMIT, to_ticks
from clipprobe.neurons.atlas.statistics.ranges import HISTOGRAM_BITS, N_HISTOGRAM, bin_of
from clipprobe.runs.jsonio import AsJson

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.atlas.statistics.accumulator import UnitStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResponse:
    """One unit and one image.

    ``value``: pooled activation, as the atlas pools.
    ``percentile``: share of the atlas' images below it; ``low``, ``high``: what it is at least and
    at most. ``above``: whether it is above every one of them.
    ``deviations``: how far it lies above the unit's mean, in standard deviations; NaN for a unit
    that is constant over the atlas.
    """

    address: str
    value: float
    percentile: float
    low: float
    high: float
    above: bool
    deviations: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResponses(AsJson):
    """The units that respond most to one image, the strongest first: by percentile, then by
    standard deviations above the mean.

    ``n_units``: units that were placed. ``n_images``: images of the atlas.
    ``n_above``: units above every image of the atlas. ``expected_above``: how many that would be,
    on average, for an image drawn as those of the atlas were.
    """

    units: tuple[UnitResponse, ...]
    n_units: int
    n_images: int
    n_above: int
    expected_above: float
    pool: str
    provenance: Mapping[str, Any]


def responding(
    clip: Clip, atlas: Atlas, image: Any, *, sites: Sequence[str] | None = None, k: int = 20
) -> ImageResponses:
    """Run one image and place every unit of an atlas in its own range.

    Args:
        clip: The model that the atlas was made with.
        image: A path, a Pillow image, an array or a record.
        sites: Hook points of the atlas; all without it.
        k: How many units are returned.
    Raises:
        ConfigError: the atlas is of texts, or of another model.
        UnknownHookPointError: the atlas lacks a hook point.
    """
    if atlas.tower != "vision":
        raise ConfigError("This atlas is of texts, and images do not run through its units.")
    atlas.refuse_other(clip)
    names = [atlas.site(name).name for name in sites or list(atlas.sites)]
    pools = {name: "none" if atlas.sites[name].layout == "vector" else atlas.pool for name in names}
    by_site: dict[str, NDArray[np.float32]] = {}
    for pool in dict.fromkeys(pools.values()):
        own_names = [name for name in names if pools[name] == pool]
        (block,) = activations(clip, [image], own_names, pool)
        by_site |= {name: block.values[name][0].copy() for name in own_names}
    parts = [(atlas.statistics[name], by_site[name]) for name in names]
    values = np.concatenate([own for _, own in parts])
    low, percentile, high = np.concatenate([percentiles(*one) for one in parts], axis=1)
    in_deviations = np.concatenate([deviations(*one) for one in parts])
    above = values > np.concatenate([statistics.high for statistics, _ in parts])
    counts = np.concatenate([statistics.count for statistics, _ in parts])
    addresses = [f"{name}:{i}" for name in names for i in range(len(by_site[name]))]
    # Undefined last; the order of hook point and index among equals.
    keys = -np.nan_to_num(in_deviations, nan=-np.inf), -np.nan_to_num(percentile, nan=-1.0)
    known = ~np.isnan(percentile)
    return ImageResponses(
        units=tuple(
            UnitResponse(
                address=addresses[row],
                value=float(values[row]),
                percentile=float(percentile[row]),
                low=float(low[row]),
                high=float(high[row]),
                above=bool(above[row]),
                deviations=float(in_deviations[row]),
            )
            for row in np.lexsort(keys)[:k]
            if known[row]
        ),
        n_units=int(known.sum()),
        n_images=atlas.images.n_used,
        n_above=int(above.sum()),
        expected_above=float((1 / (counts[known] + 1)).sum()),
        pool=atlas.pool,
        provenance=clip.provenance(),
    )


def percentiles(
    statistics: UnitStatistics, values: NDArray[np.float32]
) -> tuple[Floats, Floats, Floats]:
    """At least, about and at most what share of the images each unit's value is above, ``(n,)``.

    NaN for a unit without images, and for a value that an atlas would leave out.
    """
    with np.errstate(invalid="ignore"):
        inside = np.isfinite(values) & (np.abs(values) < LIMIT) & (statistics.count > 0)
    usable = np.where(inside, values, np.float32(0))
    half_range, rows = statistics.ranges.half_range, np.arange(len(values))
    ticks = to_ticks(usable)
    bins = bin_of(ticks[None], half_range, HISTOGRAM_BITS)[0]
    slots = bins.clip(0, N_HISTOGRAM - 1)
    histogram = statistics.ranges.histogram.astype(np.int64)
    here = histogram[rows, slots]
    below = np.cumsum(histogram, axis=1)[rows, slots] - here
    width = 2.0 ** (half_range - HISTOGRAM_BITS)
    part = usable / width - (bins - N_HISTOGRAM // 2)
    n = np.maximum(statistics.count, 1)
    least, most = below / n, (below + here) / n
    over, under = usable > statistics.high, usable < statistics.low
    ends = [np.where(over, 1.0, np.where(under, 0.0, share)) for share in (least, most)]
    about = np.clip((below + here * part.clip(0, 1)) / n, *ends)
    low, middle, high = (np.where(inside, one, np.nan) for one in (ends[0], about, ends[1]))
    return low, middle, high
