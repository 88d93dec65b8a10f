"""When not to answer, with a promise that holds: split conformal calibration.

*p of a label*: how usual a score is among the scores of that label on images of the user's that
show it, ``(rank + 1) / (m + 1)``; a small one means that the image would be unusual. *Abstention*:
the threshold on the best score is the ``ceil((1 - alpha)(m + 1))``-th of ``m`` scores of things
that no class names, so that at most ``alpha`` of such images are answered. Both hold for images
that are exchangeable with the calibration images, and for no others (Vovk et al. 2005; Angelopoulos
and Bates 2021, arXiv:2107.07511): a threshold from backgrounds and noise promises nothing about
unknown things.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, DataError
from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, cluster_bootstrap, wilson


def conformal_p(scores: npt.ArrayLike, calibration: npt.ArrayLike) -> Floats:
    """How usual each score is among calibration scores, low ones being unusual.

    Uniform or larger for an image that is exchangeable with those of the calibration. It cannot be
    below ``1 / (m + 1)``.

    Args:
        scores: Of any shape.
        calibration: Scores of one label on images that show it, ``(m,)``.
    Example:
        >>> conformal_p([0.1, 0.25, 0.9], [0.2, 0.3, 0.4]).tolist()
        [0.25, 0.5, 1.0]
    """
    known = np.sort(np.asarray(calibration, np.float64))
    if known.ndim != 1 or not len(known) or not np.isfinite(known).all():
        raise DataError("A conformal p needs the scores of at least one calibration image.")
    rank = np.searchsorted(known, np.asarray(scores, np.float64), side="right")
    return (rank + 1) / (len(known) + 1)


def threshold(scores: npt.ArrayLike, alpha: float, *, things: int | None = None) -> float:
    """The score above which an image is answered.

    Args:
        scores: Best scores of calibration images of unknown things, ``(m,)``.
        alpha: Largest share of unknown images that may be answered.
        things: How many different things they show, where several images show one.
    Raises:
        ConfigError: alpha is not between 0 and 1.
        DataError: the calibration is too small for alpha.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha lies between 0 and 1, but {alpha!r} was given.")
    known = np.sort(np.asarray(scores, np.float64))
    count = len(known) if things is None else things
    least = math.ceil(round(1 / alpha - 1, 9))
    if count < least:
        raise DataError(
            f"Abstention at alpha={alpha:g} needs at least {least} different unknown things to "
            f"calibrate on, and there are {count}: add some, or allow a larger alpha."
        )
    place = min(math.ceil(round((1 - alpha) * (len(known) + 1), 9)), len(known))
    return float(known[place - 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention(AsJson):
    """A threshold, and what it does."""

    alpha: float
    threshold: float
    """From all calibration images; an image is answered when its best score is above it."""
    unknown_answered: Estimate
    """Share of images of *other* unknown things that are answered: mean over splits in halves by
    thing, each calibrated on one half and measured on the other. Not above ``alpha`` in truth."""
    known_answered: Estimate
    """Share of images of known things that are answered."""
    n_things: int
    """Different unknown things of the calibration."""
    splits: int


def abstention(
    unknown: npt.ArrayLike,
    things: Sequence[str],
    known: npt.ArrayLike,
    *,
    known_things: Sequence[str] | None = None,
    alpha: float = 0.05,
    splits: int = 200,
    seed: int = 0,
) -> Abstention:
    """Calibrate a threshold, and measure its error on things that it did not see.

    Args:
        unknown: Best scores of images of things that no class names, ``(m,)``.
        things: What each of them shows, ``(m,)``: a split never divides a thing.
        known: Best scores of images of known things, ``(n,)``.
        known_things: What each of those shows, for the interval; default: all differ.
    Raises:
        DataError: fewer calibration things than ``1 / alpha - 1`` in a half; shapes that differ.
    """
    scores, answered = np.asarray(unknown, np.float64), np.asarray(known, np.float64)
    names, place = np.unique(np.asarray(things), return_inverse=True)
    if scores.shape != (len(things),):
        raise DataError(f"There are {scores.size} unknown scores and {len(things)} things.")
    cut = threshold(scores, alpha, things=len(names))
    threshold(scores, alpha, things=len(names) // 2)  # halves must be large enough too
    rng = np.random.default_rng([seed, 31])
    shares = []
    for _ in range(splits):
        half = np.zeros(len(names), bool)
        half[rng.permutation(len(names))[: len(names) // 2]] = True
        mine = half[place]
        level = threshold(scores[mine], alpha, things=int(half.sum()))
        shares.append(float((scores[~mine] > level).mean()))
    low, high = np.percentile(shares, [2.5, 97.5])
    if known_things is None:
        known_answered = wilson(int((answered > cut).sum()), len(answered))
    else:
        hits = (answered > cut).astype(np.float64)
        known_answered = cluster_bootstrap(hits, clusters=known_things, seed=seed)
    return Abstention(
        alpha=alpha,
        threshold=cut,
        unknown_answered=Estimate(
            value=float(np.mean(shares)), low=float(low), high=float(high), n=len(scores),
            method=f"mean and central 95 % of {splits} splits by thing",
            reason="the ends are those of single splits, not of their mean",
        ),
        known_answered=known_answered,
        n_things=len(names),
        splits=splits,
    )  # fmt: skip
