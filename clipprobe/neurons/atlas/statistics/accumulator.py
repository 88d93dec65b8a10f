"""What is kept of every unit while images stream by: constant memory, exact, mergeable.

The mergeable accumulator is the abstraction, not the engine that feeds it: one process, seven
shards or a cluster give the same bytes, because ``merge`` is associative and commutative and
equals one pass (see ``exact``, ``ranges`` and ``ranking`` for why).

Terms: *unit* as in the hook table; *pooled activation*, the one number per unit and image that
the pooling leaves; *image*, its position in the data set sorted by id; *priority*, a 31-bit hash
of the image's id that decides which images stand for a bin.

Limits: activations that are not finite, or of magnitude 2**16 and more, are counted in
``n_outside`` and enter nothing else. Two accumulators that are merged must have seen different
images of the same data set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.atlas.statistics import exact, ranking
from clipprobe.neurons.atlas.statistics.ranges import MAX_ROWS, Ranges
from clipprobe.neurons.atlas.statistics.ranking import Ranking, Rows

Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

FLUSH_ROWS = MAX_ROWS // 2
"""Rows gathered before they are worked in: one flush costs a few passes over the histogram."""
ARRAYS = (
    "count",
    "sums",
    "squares",
    "low",
    "high",
    "n_positive",
    "n_above",
    "n_outside",
    "half_range",
    "histogram",
)
"""Names of the arrays of :meth:`UnitStatistics.state` that hold one row of numbers per unit."""
_COUNTS = ("count", "n_positive", "n_above", "n_outside")
_BLOCK_UNITS = 512
"""Units worked in at a time, so that the intermediate arrays stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an accumulator keeps; two with different settings cannot be merged.

    Attributes:
        top_k: Images kept at either end of each unit's range.
        per_bin: Images that stand for each activation bin.
        threshold: Activation above which an image counts in ``n_above``.
        seed: Seed of the priorities of images.
    """

    top_k: int = 16
    per_bin: int = 4
    threshold: float = 1.0
    seed: int = 0


class Waiting:
    """Rows that were taken in and not worked in yet, in one place for good.

    Small arrays that outlive a forward pass would scatter over the heap between the large ones that
    it frees, and the next pass would fetch its memory anew: that cost more than the statistics.
    """

    __slots__ = ("images", "n", "priorities", "tokens", "values")

    def __init__(self, n_units: int) -> None:
        self.values = np.empty((FLUSH_ROWS, n_units), np.float32)
        self.tokens = np.empty((FLUSH_ROWS, n_units), np.int32)
        self.images = np.empty(FLUSH_ROWS, np.int64)
        self.priorities = np.empty(FLUSH_ROWS, np.int64)
        self.n: int = 0

    def take(
        self,
        values: Float32,
        images: Int64,
        priorities: Int64,
        tokens: NDArray[np.int32] | None,
    ) -> int:
        """Copy as many of the rows as there is room for; returns how many."""
        n: int = min(len(values), FLUSH_ROWS - self.n)
        place = slice(self.n, self.n + n)
        self.values[place], self.images[place] = values[:n], images[:n]
        self.priorities[place] = priorities[:n]
        self.tokens[place] = ranking.NO_TOKEN if tokens is None else tokens[:n]
        self.n += n
        return n


@dataclass(slots=True)
class UnitStatistics:
    """Everything kept of the ``n`` units of one hook point.

    Attributes:
        name: Hook point; it enters the order in which images are drawn for the bins.
        count: ``(n,)`` int64, images that entered.
        sums, squares: ``(n, 2)`` and ``(n, 3)`` int64 limbs, exact; see ``exact``.
        low, high: ``(n,)`` float32 smallest and largest activation; +inf and -inf before any.
        n_positive, n_above, n_outside: ``(n,)`` int64 images above 0, above the threshold, and
            left out because not finite or too large.
        ranges: Histogram, and the images that stand for each activation bin.
        top, bottom: The strongest and weakest images.
    """

    name: str
    settings: Settings
    count: Int64
    sums: Int64
    squares: Int64
    low: Float32
    high: Float32
    n_positive: Int64
    n_above: Int64
    n_outside: Int64
    ranges: Ranges
    top: Ranking
    bottom: Ranking
    _waiting: Waiting | None = None

    @classmethod
    def empty(cls, name: str, n_units: int, settings: Settings) -> UnitStatistics:
        """No image seen yet."""
        counts: dict[str, Any] = {one: np.zeros(n_units, np.int64) for one in _COUNTS}
        return cls(
            name=name,
            settings=settings,
            **counts,
            sums=np.zeros((n_units, 2), np.int64),
            squares=np.zeros((n_units, 3), np.int64),
            low=np.full(n_units, np.inf, np.float32),
            high=np.full(n_units, -np.inf, np.float32),
            ranges=Ranges.empty(name, n_units, settings.per_bin, settings.seed),
            top=Ranking.empty(n_units, settings.top_k, largest=True),
            bottom=Ranking.empty(n_units, settings.top_k, largest=False),
        )

    @property
    def n_units(self) -> int:
        """Units of the hook point."""
        return len(self.count)

    def update(
        self,
        values: Float32,
        images: Int64,
        priorities: Int64,
        tokens: NDArray[np.int32] | None = None,
    ) -> None:
        """Take in a batch; the rows are copied and worked in once enough have gathered.

        Args:
            values: Pooled activations, ``(b, n)``.
            images: Image numbers, ``(b,)``, none of them seen before.
            priorities: :func:`priority_of` each image, ``(b,)``.
            tokens: Where each value was taken, ``(b, n)``; None where the pooling has no place.
        """
        if self._waiting is None:
            self._waiting = Waiting(self.n_units)
        done = 0
        while done < len(values):
            rows = slice(done, None)
            where = None if tokens is None else tokens[rows]
            done += self._waiting.take(values[rows], images[rows], priorities[rows], where)
            if self._waiting.n == FLUSH_ROWS:
                self.flush()

    def flush(self) -> None:
        """Work in the rows that are waiting."""
        waiting = self._waiting
        if waiting is None or not waiting.n:
            return
        rows = slice(0, waiting.n)
        values, images = waiting.values[rows], waiting.images[rows]
        priorities, tokens = waiting.priorities[rows], waiting.tokens[rows]
        waiting.n = 0
        if (np.diff(images) < 0).any():
            order = np.argsort(images)
            values, images, priorities, tokens = (
                part[order] for part in (values, images, priorities, tokens)
            )
        for start in range(0, self.n_units, _BLOCK_UNITS):
            block = slice(start, start + _BLOCK_UNITS)
            part = np.ascontiguousarray(values[:, block])
            self._take(Rows(block, part, None, images, priorities, tokens[:, block]))

    def _take(self, rows: Rows) -> None:
        """Work in the rows of a block of units."""
        block, values = rows.block, rows.values
        if not np.abs(values).max() < exact.LIMIT:  # also true for NaN
            inside = np.abs(values) < exact.LIMIT
            self.n_outside[block] += (~inside).sum(axis=0)
            rows = replace(rows, values=np.where(inside, values, np.float32(0)), inside=inside)
        ticks = exact.to_ticks(rows.values)
        self._count(rows)
        self.sums[block] = exact.add(self.sums[block], exact.sum_limbs(ticks))
        self.squares[block] = exact.add(self.squares[block], exact.square_limbs(ticks))
        self.ranges.update(rows, ticks)
        self.top.update(rows)
        self.bottom.update(rows)

    def _count(self, rows: Rows) -> None:
        block, values, inside = rows.block, rows.values, rows.inside
        low = high = values
        above = values > self.settings.threshold
        if inside is None:
            self.count[block] += len(values)
        else:  # the values outside are 0 by now
            self.count[block] += inside.sum(axis=0)
            above &= inside
            low = np.where(inside, values, np.float32(np.inf))
            high = np.where(inside, values, np.float32(-np.inf))
        self.n_positive[block] += np.count_nonzero(values > 0, axis=0)
        self.n_above[block] += np.count_nonzero(above, axis=0)
        zero = np.float32(0)  # -0.0 and 0.0 are one value and must be one byte pattern
        self.low[block] = np.minimum(self.low[block], low.min(axis=0) + zero)
        self.high[block] = np.maximum(self.high[block], high.max(axis=0) + zero)

    def merge(self, other: UnitStatistics) -> UnitStatistics:
        """What one pass over the images of both would have kept.

        Raises:
            ValueError: the two are of other hook points or keep other things.
        """
        if (self.name, self.n_units, self.settings) != (other.name, other.n_units, other.settings):
            raise ValueError(f"Cannot merge statistics of {self.name} and {other.name}.")
        self.flush()
        other.flush()
        counts: dict[str, Any] = {one: getattr(self, one) + getattr(other, one) for one in _COUNTS}
        return UnitStatistics(
            name=self.name,
            settings=self.settings,
            **counts,
            sums=exact.add(self.sums, other.sums),
            squares=exact.add(self.squares, other.squares),
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            ranges=self.ranges.merge(other.ranges),
            top=self.top.merge(other.top),
            bottom=self.bottom.merge(other.bottom),
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything kept, as arrays; :meth:`from_state` restores it exactly."""
        self.flush()
        return {name: getattr(part, attribute) for name, part, attribute in self._fields()}

    @classmethod
    def from_state(
        cls, name: str, settings: Settings, arrays: Mapping[str, NDArray[Any]]
    ) -> UnitStatistics:
        """The accumulator that :meth:`state` described; what is not given is as of no image."""
        restored = cls.empty(name, len(arrays["count"]), settings)
        for array, part, attribute in restored._fields():
            setattr(part, attribute, arrays.get(array, getattr(part, attribute)))
        return restored

    def _fields(self) -> Iterator[tuple[str, object, str]]:
        """Name of an array, the object that holds it, and under which name."""
        for name in ARRAYS:
            yield name, self.ranges if name in ("half_range", "histogram") else self, name
        for name in ("keys", "values", "tokens"):
            yield f"sample_{name}", self.ranges.samples, name
        for end, ranking_ in (("top", self.top), ("bottom", self.bottom)):
            for name in ("keys", "tokens"):
                yield f"{end}_{name}", ranking_, name
