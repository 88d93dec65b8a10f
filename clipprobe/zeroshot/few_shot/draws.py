"""Which images of a class are shots, which choose the ridge, and which only test.

The test images of a class are the same in every draw. Of the others, each draw permutes those of a
class: the first ``min(k, 4)`` choose the strength of the ridge, the ``k`` after the fourth are the
shots. So shots are nested, more shots hold the fewer, and no image is both. The axis of a curve
says ``k``; a user who counts labelled images counts ``k + min(k, 4)``.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clipprobe.errors import ConfigError, DataError

Rows = npt.NDArray[np.int64]
Shots = int | str
ALL = "all"
USUAL: tuple[Shots, ...] = (1, 2, 4, 8, 16, ALL)
"""The shot numbers of the CLIP paper, and every image: those that fit, where none are given."""
_MOST_VALIDATION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Test images, and the others of each class."""

    test: Rows
    """Rows of the test images, sorted."""
    pool: tuple[Rows, ...]
    """Of each class, the rows that can be shots or validation images."""

    @property
    def smallest(self) -> int:
        """Images in the smallest pool."""
        return min(len(rows) for rows in self.pool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Shots and validation images of one draw."""

    shots: Rows
    validation: Rows


def split_rows(labels: Rows, names: Sequence[str], *, test_share: float, seed: int) -> Split:
    """Hold out a share of each class for testing, at least one image.

    Args:
        labels: Class of each image, ``(n,)``.
        names: Of the classes; the images of a class do not depend on the others that are there.
    Raises:
        DataError: a class has fewer than three images, or none for one of the three parts.
    """
    if not 0 < test_share < 1:
        raise ConfigError(f"The share of test images lies between 0 and 1, {test_share} was given.")
    test, pool = [], []
    for index, name in enumerate(names):
        rows = np.flatnonzero(labels == index)
        if len(rows) < 3:
            raise DataError(
                f"The class {name!r} has {len(rows)} image(s): a curve needs at least three of "
                "each class (one shot, one to choose the ridge, one to test)."
            )
        n_test = min(max(1, round(test_share * len(rows))), len(rows) - 2)
        order = _generator(seed, name, 0).permutation(rows)
        test.append(order[:n_test])
        pool.append(np.sort(order[n_test:]))
    return Split(test=np.sort(np.concatenate(test)), pool=tuple(pool))


def check_shots(
    shots: Sequence[Shots] | None, split: Split, names: Sequence[str]
) -> tuple[Shots, ...]:
    """The shot numbers, smallest first, ``all`` last; None: the usual ones that fit.

    Raises:
        ConfigError: none, or one that is not a positive number.
        DataError: shots and validation images are more than a class has.
    """
    if shots is None:
        return _fitting(split)
    numbers = sorted({int(k) for k in shots if k != ALL})
    if not shots or (numbers and numbers[0] < 1):
        raise ConfigError("Shots are positive numbers or 'all': give at least one.")
    if numbers:
        k = numbers[-1]
        need = k + validation_size(k)
        size, name = min((len(rows), name) for rows, name in zip(split.pool, names, strict=True))
        if size < need:
            raise DataError(
                f"{k} shots and {need - k} validation images a class were asked for, but "
                f"{name!r} has {size} beside its test images: use fewer shots, or more images."
            )
    return (*numbers, *((ALL,) if ALL in shots else ()))


def _fitting(split: Split) -> tuple[Shots, ...]:
    """The usual shot numbers for which every class is large enough; ``all`` where that is more."""
    numbers = [k for k in map(int, USUAL[:-1]) if k + validation_size(k) <= split.smallest]
    more = mean_shots(split, ALL) > numbers[-1]
    return (*numbers, *((ALL,) if more else ()))


def validation_size(shots: int) -> int:
    """Validation images of a class beside ``shots``."""
    return min(shots, _MOST_VALIDATION)


def sample(split: Split, names: Sequence[str], shots: Shots, *, draw: int, seed: int) -> Draw:
    """The shots and validation images of one draw; ``all`` takes every image of a pool."""
    train, validation = [], []
    for rows, name in zip(split.pool, names, strict=True):
        order = _generator(seed, name, draw + 1).permutation(rows)
        if shots == ALL:
            v = validation_size(len(rows) // 2)
            first, k = v, len(rows) - v
        else:
            k = int(shots)
            v = validation_size(k)
            # After the place of the fourth, wherever the class is large enough, so that more shots
            # hold the fewer.
            first = min(_MOST_VALIDATION, len(rows) - k)
        validation.append(order[:v])
        train.append(order[first : first + k])
    return Draw(shots=np.concatenate(train), validation=np.concatenate(validation))


def mean_shots(split: Split, shots: Shots) -> float:
    """Where a shot number stands on the axis: of ``all``, the mean over classes."""
    if shots != ALL:
        return float(shots)
    sizes = [len(rows) for rows in split.pool]
    return float(np.mean([size - validation_size(size // 2) for size in sizes]))


def _generator(seed: int, name: str, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, part, zlib.crc32(name.encode("utf-8"))])
