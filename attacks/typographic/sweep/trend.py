"""Does an effect rise with a setting? A trend test over paired images, and steps that go back.

Every image stands at every level, so levels are compared within images. The null hypothesis is
that the levels of one image can be exchanged. The statistic is the sum over images of the
covariance of level rank and outcome; its null mean is 0 and its null variance is known exactly
(Mantel 1963, doi:10.1080/01621459.1963.10500879: the correlation statistic with each image as a
stratum). With two levels and yes/no outcomes its square is McNemar's chi-square without continuity
correction. The shape is the least-squares monotone fit (scipy.optimize.isotonic_regression).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.runs.jsonio import AsJson
from clipprobe.statistics import Estimate, cluster_bootstrap, holm

Floats = npt.NDArray[np.float64]

#: With fewer images that differ between levels the normal approximation says nothing.
LEAST_INFORMATIVE = 10
#: A step back counts as shown below this Holm-corrected p.
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(AsJson):
    """Whether an outcome rises or falls over ordered levels."""

    direction: str
    """``rises``, ``falls``, or ``not shown``."""
    z: float
    """Standard normal under the null; NaN where undefined."""
    p: float
    """Two-sided; NaN where undefined."""
    n: int
    """Images that stand at every level."""
    n_informative: int
    """Those whose outcome differs between levels; the others say nothing."""
    fitted: list[float]
    """Monotone fit to the shares at the levels, in the direction of z."""
    steps_back: list[dict[str, Any]]
    """Neighbouring levels between which the outcome goes against the direction: ``from``, ``to``
    (indices), ``change`` (estimate), ``holm_p`` over all neighbouring pairs."""
    monotone: bool | None
    """Whether no step back is shown at Holm p < 0.05; None without a direction."""
    reason: str
    """Why something is undefined; else empty."""


def trend(outcomes: Floats, clusters: npt.NDArray[np.str_], *, seed: int) -> Trend:
    """The trend of an outcome over levels in rising order.

    Args:
        outcomes: ``(n, k)``: for each image and level the outcome, or its mean over several
            words or cells, from 0 to 1. NaN where an image is missing at a level: it is left out.
        clusters: Names of the images, ``(n,)``; rows of one image are averaged first.
    """
    complete = ~np.isnan(outcomes).any(axis=1)
    rows = _by_cluster(outcomes[complete], clusters[complete])
    n, k = len(rows), outcomes.shape[1]
    means = rows.mean(axis=0) if n else np.full(k, math.nan)
    z, p, informative = score_test(rows, np.arange(k, dtype=float))
    reason = ""
    if k < 2:
        reason = "one level only"
    elif informative < LEAST_INFORMATIVE:
        reason = (
            f"only {informative} of {n} images differ between the levels, and a test needs "
            f"{LEAST_INFORMATIVE}"
        )
    if reason:
        return Trend(
            direction="not shown", z=math.nan, p=math.nan, n=n, n_informative=informative,
            fitted=means.tolist(), steps_back=[], monotone=None, reason=reason,
        )  # fmt: skip
    rises = z > 0
    visible = p < ALPHA
    steps = _steps_back(rows, rises, seed) if visible else []
    return Trend(
        direction=("rises" if rises else "falls") if visible else "not shown",
        z=z,
        p=p,
        n=n,
        n_informative=informative,
        fitted=monotone_fit(means, rises),
        steps_back=steps,
        monotone=all(step["holm_p"] >= ALPHA for step in steps) if visible else None,
        reason="" if visible else "the trend test does not reject at 5 %",
    )


def score_test(rows: Floats, scores: Floats) -> tuple[float, float, int]:
    """z, two-sided p and the number of informative rows of Mantel's correlation statistic.

    Args:
        rows: ``(n, k)``, one row a stratum.
        scores: Of the levels, ``(k,)``.
    """
    from scipy.stats import norm

    if rows.shape[1] < 2 or not len(rows):
        return math.nan, math.nan, 0
    centred = scores - scores.mean()
    spread = ((rows - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / (rows.shape[1] - 1)
    variance = float(spread.sum() * (centred**2).sum())
    informative = int((spread > 1e-12).sum())
    if variance <= 0.0:
        return math.nan, math.nan, informative
    z = float((rows @ centred).sum()) / math.sqrt(variance)
    return z, float(2 * norm.sf(abs(z))), informative


def monotone_fit(means: Floats, rises: bool) -> list[float]:
    """The nearest monotone sequence to the shares at the levels."""
    from scipy.optimize import isotonic_regression

    fitted: list[float] = isotonic_regression(means, increasing=rises).x.tolist()
    return fitted


def _steps_back(rows: Floats, rises: bool, seed: int) -> list[dict[str, Any]]:
    k = rows.shape[1]
    p = []
    for j in range(k - 1):
        _, statistic, _ = score_test(rows[:, j : j + 2], np.array([0.0, 1.0]))
        p.append(1.0 if math.isnan(statistic) else statistic)
    corrected = holm(p)
    steps = []
    for j in range(k - 1):
        change = rows[:, j + 1] - rows[:, j]
        if (change.mean() < 0) == rises and change.mean() != 0:
            estimate: Estimate = cluster_bootstrap(change, seed=seed)
            steps.append(
                {"from": j, "to": j + 1, "change": estimate, "holm_p": float(corrected[j])}
            )
    return steps


def _by_cluster(rows: Floats, clusters: npt.NDArray[np.str_]) -> Floats:
    """Means over the rows of each cluster, clusters in the order of their names."""
    names, index = np.unique(clusters, return_inverse=True)
    if len(names) == len(rows):
        return rows
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, index, rows)
    means: Floats = sums / np.bincount(index)[:, None]
    return means
