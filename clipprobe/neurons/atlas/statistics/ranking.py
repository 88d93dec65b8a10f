"""The k strongest images of every unit, ordered by (value, image), to the byte.

Value and image number are packed into one int64 that sorts as the pair does: the float32 mapped
to an integer of the same order in the high half, the image number in the low half, inverted so
that among equal values the lower number wins. All keys of a unit are distinct, so the k largest
are a set, and the merge of two such sets is associative and commutative.

Terms: *image* is the position of the image in the data set sorted by id (so ordering by it is
ordering by id), below 2**32; *token* is where in the image the unit took its value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

EMPTY = np.iinfo(np.int64).min
"""The key of a place that no image has taken yet."""

NO_TOKEN = -1
_LOW = 2**32 - 1


def ordered_int(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Integers that sort as the finite float32 values do; -0.0 counts as 0.0."""
    bits = (values + np.float32(0)).view(np.int32)
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))


def keys_of(values: NDArray[np.float32], images: Int64, *, largest: bool) -> Int64:
    """Packed keys; the k largest keys are the k first by (value, image).

    Args:
        values: Activations, of any shape.
        images: Image numbers, of the same shape.
        largest: Rank from the largest value down; otherwise from the smallest up.
    """
    order = ordered_int(values)
    high = (order if largest else ~order).astype(np.int64) << 32
    return high | (_LOW - images)


def unpack(keys: Int64, *, largest: bool) -> tuple[NDArray[np.float32], Int64]:
    """Values and image numbers of keys of any shape; NaN and -1 where the place is empty."""
    order = (keys >> 32).astype(np.int32)
    if not largest:
        order = ~order
    bits = order ^ ((order >> 31) & np.int32(0x7FFFFFFF))
    values = bits.view(np.float32).copy()
    images = _LOW - (keys & _LOW)
    empty = keys == EMPTY
    values[empty] = np.nan
    images[empty] = -1
    return values, images


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of images for a block of units ``n``.

    Attributes:
        block: The units that the columns stand for.
        values: Activations, ``(rows, n)``; 0 where they do not count.
        inside: Which of them count; None for all.
        images: Image numbers, ``(rows,)``, rising.
        priorities: :func:`.samples.priority_of` each image, ``(rows,)``.
        tokens: Where each value was taken, ``(rows, n)``.
    """

    block: slice
    values: NDArray[np.float32]
    inside: NDArray[np.bool_] | None
    images: Int64
    priorities: Int64
    tokens: NDArray[np.int32]


@dataclass(slots=True)
class Ranking:
    """The k first images of each of n units, from one end of the range.

    Attributes:
        keys: ``(n, k)`` int64, descending; see :func:`keys_of`.
        tokens: ``(n, k)`` int32, the token that gave the value, ``NO_TOKEN`` where none is meant.
        largest: Whether this is the top or the bottom end.
    """

    keys: Int64
    tokens: NDArray[np.int32]
    largest: bool

    @classmethod
    def empty(cls, n_units: int, k: int, *, largest: bool) -> Ranking:
        """No image seen yet."""
        keys = np.full((n_units, k), EMPTY, np.int64)
        return cls(keys, np.full((n_units, k), NO_TOKEN, np.int32), largest)

    def update(self, rows: Rows) -> None:
        """Take in a batch."""
        values = rows.values
        if not self.keys.shape[1] or not len(values):
            return
        worst, _ = unpack(self.keys[rows.block, -1], largest=self.largest)
        # Equal values go on to the comparison of keys; a free place (NaN) lets everything in.
        if self.largest:
            candidates = values >= np.where(np.isnan(worst), np.float32(-np.inf), worst)
        else:
            candidates = values <= np.where(np.isnan(worst), np.float32(np.inf), worst)
        if rows.inside is not None:
            candidates &= rows.inside
        place = np.flatnonzero(candidates)
        if len(place):
            row, unit = np.divmod(place, values.shape[1])
            keys = keys_of(values.ravel()[place], rows.images[row], largest=self.largest)
            self.insert(unit + rows.block.start, keys, rows.tokens[row, unit])

    def insert(self, units: Int64, keys: Int64, tokens: NDArray[np.int32]) -> None:
        """Take in candidates, one entry per array: unit, its key, its token."""
        k = self.keys.shape[1]
        by_unit = np.argsort(units, kind="stable")
        units, keys, tokens = units[by_unit], keys[by_unit], tokens[by_unit]
        starts = np.flatnonzero(np.concatenate([[True], units[1:] != units[:-1]]))
        sizes = np.diff(np.append(starts, len(units)))
        group = np.repeat(np.arange(len(starts)), sizes)
        place = (group, k + np.arange(len(units)) - starts[group])
        changed = units[starts]
        pool = np.full((len(changed), k + int(sizes.max())), EMPTY, np.int64)
        marks = np.full(pool.shape, NO_TOKEN, np.int32)
        pool[:, :k], marks[:, :k] = self.keys[changed], self.tokens[changed]
        pool[place], marks[place] = keys, tokens
        best = np.argsort(pool, axis=1)[:, : -k - 1 : -1]
        self.keys[changed] = np.take_along_axis(pool, best, axis=1)
        self.tokens[changed] = np.take_along_axis(marks, best, axis=1)

    def merge(self, other: Ranking) -> Ranking:
        """The k first of both; the two must have seen different images."""
        merged = Ranking(self.keys.copy(), self.tokens.copy(), self.largest)
        units, places = np.nonzero(other.keys != EMPTY)
        if len(units):
            merged.insert(units, other.keys[units, places], other.tokens[units, places])
        return merged
