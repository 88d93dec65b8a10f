"""The two halves of the inputs, and resamples of the one that measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats, Ints
from clipprobe.errors import DataError
from clipprobe.statistics.halves import permuted, split
from clipprobe.statistics.resampling import bootstrap_weights
from clipprobe.statistics.seeds import generator
from clipprobe.tracing.sizes import LEAST


def halves(
    inside: NDArray[np.bool_] | None, clusters: Ints, seed: int, what: str = "the inputs"
) -> NDArray[np.bool_]:
    """Which inputs rank, ``(n,)``: half of each side, whole clusters.

    Args:
        what: Of which there must be enough, for the message.
    Raises:
        DataError: a half is too small on a side.
    """
    fit = split(clusters, permuted(generator(seed, "halves")), strata=inside)
    sides = [np.ones(len(fit), bool)] if inside is None else [inside, ~inside]
    smallest = min(int((half & side).sum()) for half in (fit, ~fit) for side in sides)
    if smallest < LEAST:
        raise DataError(
            f"A half of the images has only {smallest} on one side of {what}: units are "
            f"ranked on one half and measured on the other, and each needs {LEAST} of both."
        )
    return fit


def resamples(
    inside: NDArray[np.bool_] | None, clusters: Ints, n_boot: int, rng: np.random.Generator
) -> Floats:
    """How often each input is drawn, ``(n_boot, n)``: whole clusters, within each side."""
    _, members = np.unique(clusters, return_inverse=True)
    labels = np.zeros(len(clusters), np.int64) if inside is None else inside.astype(np.int64)
    draws = bootstrap_weights(labels, members.astype(np.int64), n_boot, rng)
    return np.concatenate([chunk.astype(np.float64) for chunk in draws])
