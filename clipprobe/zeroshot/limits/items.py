"""Questions with options, as vectors: what a limit is measured on.

One form for every task. An item has an image, a few option texts and the place of the true one. A
*code* says what a text or image claims, in the terms of the task: for a relation one entry for each
object and role ("the dog is left"), for counting one for each number. A role is read per object,
because a question such as "is the alphabetically first one left?" is hard for reasons of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats, Ints
from clipprobe.errors import DataError
from clipprobe.statistics import Estimate, cluster_bootstrap


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Items:
    """``n`` items with ``o`` options each."""

    images: Floats
    """Image vectors, ``(n, d)``."""
    texts: Floats
    """Vectors of the options, ``(n, o, d)``."""
    truth: Ints
    """The place of the true option, ``(n,)``."""
    codes: Floats | None
    """What each option claims, ``(n, o, q)``; None where no code is known (tables of users)."""
    groups: npt.NDArray[np.str_]
    """What is held out together, ``(n,)``: the pair of objects, the object, or the scene."""
    wordings: npt.NDArray[np.str_]
    """How the options are worded, ``(n,)``: results are given by it too."""
    clusters: npt.NDArray[np.str_] | None = None
    """What intervals resample, ``(n,)``; what is held out together where None."""

    def __post_init__(self) -> None:
        n, o = len(self.images), self.texts.shape[1]
        shapes = [len(self.texts), len(self.truth), len(self.groups), len(self.wordings)]
        if any(size != n for size in shapes) or o < 2 or not n:
            raise DataError(
                f"A limit needs as many images, options, answers and groups, with two options or "
                f"more, but there are {n} images, {shapes} and {o} options."
            )
        if self.truth.min() < 0 or self.truth.max() >= o:
            raise DataError(f"The place of a true option lies outside the {o} options.")

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.images)

    @property
    def chance(self) -> float:
        """Share right by guessing."""
        return 1.0 / int(self.texts.shape[1])

    @property
    def resampled(self) -> npt.NDArray[np.str_]:
        """What intervals resample, ``(n,)``."""
        return self.groups if self.clusters is None else self.clusters

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Items:
        """Some of the items."""
        whole = {field.name: getattr(self, field.name) for field in fields(self)}
        some: dict[str, Any] = {k: v if v is None else v[rows] for k, v in whole.items()}
        return Items(**some)

    def mean(self, values: Floats, *, seed: int) -> Estimate:
        """Of a number of each item, ``(n,)``, with an interval over clusters."""
        return cluster_bootstrap(values, clusters=self.resampled, n_boot=1000, seed=seed)


def folds(groups: Sequence[str] | npt.NDArray[np.str_], n_folds: int, seed: int) -> list[Ints]:
    """Rows of each fold; a group is never divided, and folds have about as many groups."""
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < n_folds:
        raise DataError(
            f"Items of {len(names)} groups cannot be held out in {n_folds} folds: use more objects."
        )
    order = np.random.default_rng([seed, 41]).permutation(len(names))
    fold_of = np.empty(len(names), np.int64)
    fold_of[order] = np.arange(len(names)) % n_folds
    return [np.flatnonzero(fold_of[place] == fold) for fold in range(n_folds)]
