"""The units most similar and most opposed to a unit: by what they respond to, by what they write.

By *activation*: Pearson's r of pooled activations over images, streamed (five sums per unit). By
*output*: the cosine of the neurons' output columns, a fact of the weights. The two need not agree:
units that fire together may write different things. Every list is the best of many, so beside it
stands the |r| that the best of as many unrelated units would reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.data import Dataset, Failure, as_dataset, require_readable
from clipprobe.errors import DataError
from clipprobe.memory import fitting_batch
from clipprobe.models.activations import Reader, image_batches
from clipprobe.neurons.instruments.store import Store
from clipprobe.neurons.instruments.value import UnitValue
from clipprobe.runs import jsonio
from clipprobe.statistics import Estimate, undefined

if TYPE_CHECKING:
    from clipprobe.hooks import HookPoint
    from clipprobe.hooks.units import Site
    from clipprobe.models import Clip

NONE_COMPARED = "this unit, or every other, is constant over the images"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarUnits(UnitValue):
    """What is like a unit.

    ``address``: the unit. ``name``: with its pooling.
    ``similar``, ``opposed``: ``(address, r with interval)``, the highest and the lowest.
    ``floor``: the magnitude of r that one of ``n_units`` unrelated units exceeds in 5 % of cases;
    NaN with fewer than 4 images.
    ``n_units``, ``n_images``: units compared, and images.
    ``same_output``, ``opposite_output``: ``(address, cosine of output columns)``; empty where the
    unit is not a neuron with a column.
    ``n_failed``, ``failures``: images that could not be read, and why.
    ``store``: the run, or what stands for it in memory.
    """

    instrument: ClassVar[str] = "similar"
    address: str
    name: str
    similar: tuple[tuple[str, Estimate], ...]
    opposed: tuple[tuple[str, Estimate], ...]
    floor: float
    n_units: int
    n_images: int
    n_failed: int
    same_output: tuple[tuple[str, float], ...]
    opposite_output: tuple[tuple[str, float], ...]
    failures: tuple[Failure, ...]
    provenance: dict[str, Any]
    store: Store | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        same = ("name", "floor", "n_units", "n_images", "n_failed", "failures", "provenance")
        data: dict[str, Any] = {
            "unit": self.address,
            "reason": "" if self.n_images > 3 else "fewer than 4 images",
            **{name: getattr(self, name) for name in same},
        }
        for names, measure in (
            (("similar", "opposed"), "r"),
            (("same_output", "opposite_output"), "cosine"),
        ):
            for name in names:
                data[name] = [{"unit": unit, measure: value} for unit, value in getattr(self, name)]
        plain: dict[str, Any] = jsonio.plain(data)
        return plain


class Correlations:
    """Running correlation of one column with all columns, in float64, batch by batch."""

    def __init__(self) -> None:
        self.n = 0
        self.shift: Any = None
        self.sums: Any = 0.0
        self.squares: Any = 0.0
        self.products: Any = 0.0

    def add(self, values: NDArray[np.floating], column: int) -> None:
        """A batch ``(b, u)``; ``column`` is the unit that all are compared with."""
        x = np.asarray(values, np.float64)
        if self.shift is None:  # near the mean, so that sums of squares keep their digits
            self.shift = x.mean(axis=0)
        x = x - self.shift
        self.n += len(x)
        self.sums = self.sums + x.sum(axis=0)
        self.squares = self.squares + (x**2).sum(axis=0)
        self.products = self.products + x[:, column] @ x
        self.column = column

    def r(self) -> Floats:
        """``(u,)``; NaN for a constant unit."""
        mean = self.sums / self.n
        variance = self.squares / self.n - mean**2
        covariance = self.products / self.n - mean * mean[self.column]
        scale = np.maximum(self.squares / self.n, np.finfo(float).tiny)
        variance[variance < 1e-12 * scale] = np.nan
        result: Floats = np.clip(covariance / np.sqrt(variance * variance[self.column]), -1, 1)
        return result


def similar_units(
    clip: Clip,
    images: Dataset | str | Path | Iterable[Any],
    address: str,
    *,
    sites: Sequence[str] | None = None,
    pool: str = "max",
    k: int = 10,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> SimilarUnits:
    """Compare a unit of the vision tower with all units of some hook points.

    Args:
        address: ``vision.blocks.3.mlp.post:17``.
        sites: Hook points or globs; None for the unit's own kind in every block.
        pool: How tokens become one number; the same for all.
        k: How many at either end.
    """
    if k < 1:
        raise DataError(f"{k} units at either end are none: give at least 1.")
    own, point, others = compared(clip, address, sites, pool)
    dataset = as_dataset(images, limit=limit)
    fitting_batch(clip, batch_size, len(dataset))
    running = Correlations()
    names = [f"{site.name}:{i}" for site in others for i in range(site.n_units)]
    column = names.index(own)
    failures: list[Failure] = []

    reader = Reader(clip, [site.name for site in others], pool)
    for batch in image_batches(clip, dataset.records, batch_size, workers):
        failures += batch.failures
        if batch.items:
            running.add(np.concatenate(list(reader(batch.items).values.values()), axis=1), column)
        if progress is not None:
            progress(len(batch.records) + len(batch.failures))
    require_readable(running.n, failures, dataset.name)
    r = running.r()
    r[column] = np.nan  # it is not its own neighbour
    known = np.flatnonzero(~np.isnan(r))
    falling = known[np.argsort(-r[known], kind="stable")]
    same, opposite = _outputs(clip, own, names, k)
    site = next(one for one in others if one.name == point.name)
    return SimilarUnits(
        address=own,
        name=f"{own} ({site.pooled(pool)})",
        similar=tuple((names[i], correlation(float(r[i]), running.n)) for i in falling[:k]),
        opposed=tuple((names[i], correlation(float(r[i]), running.n)) for i in falling[::-1][:k]),
        floor=chance_floor(running.n, len(known)),
        n_units=len(known),
        n_images=running.n,
        n_failed=len(failures),
        same_output=same,
        opposite_output=opposite,
        failures=tuple(failures),
        provenance={**clip.provenance(), "data": dataset.describe(), "pool": pool},
    )


def compared(
    clip: Clip, address: str, sites: Sequence[str] | None, pool: str
) -> tuple[str, HookPoint, list[Site]]:
    """The plain address of a unit, its hook point, and the hook points that it is compared with.

    Raises:
        UnknownHookPointError, UnsupportedHookError: one is not there or has no such pooling.
    """
    from clipprobe.hooks.units import find_sites
    from clipprobe.tracing.units import find_units

    ((own, (point, _)),) = find_units(clip, [address]).items()
    patterns = list(sites or [_kind(point.name)])
    return own, point, find_sites(clip, list(dict.fromkeys([point.name, *patterns])), pool)


def correlation(r: float, n: int) -> Estimate:
    """Pearson's r with Fisher's interval."""
    from scipy.stats import norm

    if math.isnan(r):
        return undefined("one of the units is constant", n=n)
    low = high = math.nan
    reason = "an interval of a correlation needs at least 4 images"
    if n >= 4:
        half = float(norm.ppf(0.975)) / math.sqrt(n - 3)
        z = math.atanh(max(min(r, 1 - 1e-15), -1 + 1e-15))
        low, high, reason = math.tanh(z - half), math.tanh(z + half), ""
    return Estimate(value=r, low=low, high=high, n=n, method="Fisher z, 95 %", reason=reason)


def chance_floor(n: int, n_units: int, alpha: float = 0.05) -> float:
    """The |r| that the largest of ``n_units`` unrelated units exceeds with probability alpha.

    By the exact distribution of r (r squared is Beta(1/2, n/2 - 1)): Fisher's z is too light so far
    out in the tail, where with 24 images and 4,607 units three times as many lie.
    """
    from scipy.stats import beta

    if n < 4 or n_units < 1:
        return math.nan
    share = -math.expm1(math.log1p(-alpha) / n_units)
    return math.sqrt(float(beta.isf(share, 0.5, n / 2 - 1)))


def _kind(name: str) -> str:
    """The same site in every block."""
    parts = name.split(".")
    return ".".join(["vision", "blocks", "*", *parts[3:]]) if parts[1] == "blocks" else name


def _outputs(
    clip: Clip, own: str, names: Sequence[str], k: int
) -> tuple[tuple[tuple[str, float], ...], tuple[tuple[str, float], ...]]:
    """The neurons whose output columns are most alike and most opposed."""
    import torch

    columns: dict[str, Any] = {}
    tower = clip.anatomy.vision
    for site in dict.fromkeys(name.rpartition(":")[0] for name in names):
        if not site.endswith("mlp.post"):
            continue
        weight = tower.columns(int(site.split(".")[2]))
        if weight is not None:
            columns[site] = torch.nn.functional.normalize(weight.detach().double(), dim=0)
    home, _, unit = own.rpartition(":")
    if home not in columns:
        return (), ()
    unit_column = columns[home][:, int(unit)]
    outputs = [
        (f"{site}:{i}", float(value))
        for site, column in columns.items()
        for i, value in enumerate((unit_column @ column).tolist())
        if f"{site}:{i}" != own
    ]
    falling = sorted(outputs, key=lambda one: -one[1])
    return tuple(falling[:k]), tuple(falling[::-1][:k])
