"""How well a score ranks one kind of thing above another.

AUROC is the chance that a random positive scores above a random negative, ties counting half
(the Mann-Whitney U over its maximum). 0.5 is chance, whatever the class sizes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.errors import DataError
from clipprobe.statistics.estimate import Estimate, boolean, finite, percent, undefined
from clipprobe.statistics.intervals import wilson


def auroc(scores: ArrayLike, positives: ArrayLike) -> float:
    """The AUROC of one score; NaN where there are only positives or only negatives.

    Args:
        scores: ``(n,)``, higher means more positive; NaN is refused.
        positives: ``(n,)`` booleans.
    Example:
        >>> auroc([0.1, 0.4, 0.4, 0.9], [False, False, True, True])
        0.875
    """
    return float(aurocs(finite(scores, "the scores")[:, None], positives)[0])


def aurocs(scores: ArrayLike, positives: ArrayLike) -> NDArray[np.float64]:
    """The AUROC of each column: ``(n, m)`` scores -> ``(m,)``, NaN where a class is empty."""
    from scipy.stats import rankdata

    table = np.asarray(scores)
    truth = boolean(positives, "the classes")
    if table.ndim != 2 or table.shape[0] != truth.size:
        raise DataError(
            f"AUROC needs one row of scores per class label, but got the shape {table.shape} for "
            f"{truth.size} labels."
        )
    if not np.isfinite(table).all():
        raise DataError("The scores hold NaN or infinite values: leave those rows out, and count.")
    n_positive = int(truth.sum())
    n_negative = truth.size - n_positive
    if n_positive == 0 or n_negative == 0:
        return np.full(table.shape[1], np.nan)
    ranks = rankdata(table, axis=0)  # average ranks: ties count half
    u = ranks[truth].sum(axis=0) - n_positive * (n_positive + 1) / 2
    result: NDArray[np.float64] = u / (n_positive * n_negative)
    return result


def auroc_estimate(scores: ArrayLike, positives: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The AUROC with DeLong's interval on the logit scale (DeLong et al. 1988; Pepe 2003).

    The logit keeps the ends inside 0..1. Where the classes are separated completely DeLong's
    variance is 0; then the far end is the Wilson bound for the smaller class, all of whose
    members ranked on the right side, and the method says so.
    """
    from scipy.special import expit, logit
    from scipy.stats import norm, rankdata

    values = finite(scores, "the scores")
    truth = boolean(positives, "the classes")
    value = auroc(values, truth)
    method = f"DeLong, logit, {percent(level)}"
    n_positive, n_negative = int(truth.sum()), int((~truth).sum())
    if math.isnan(value):
        which = "positive" if n_positive == 0 else "negative"
        return undefined(f"no {which} to rank", n=truth.size, method=method)
    smaller = min(n_positive, n_negative)
    if smaller < 2:
        return Estimate(
            value=value, low=math.nan, high=math.nan, n=truth.size, method=method,
            reason="one of the two classes has a single member, so no interval is given",
        )  # fmt: skip
    # Structural components: for each positive the share of negatives below it, and the reverse.
    ranks = rankdata(values)
    above = (ranks[truth] - rankdata(values[truth])) / n_negative
    below = 1 - (ranks[~truth] - rankdata(values[~truth])) / n_positive
    variance = above.var(ddof=1) / n_positive + below.var(ddof=1) / n_negative
    if variance < 1e-24 and value in (0.0, 1.0):
        far = wilson(smaller, smaller, level).low
        low, high = (far, 1.0) if value == 1 else (0.0, 1 - far)
        method = f"complete separation: Wilson on the smaller class, {percent(level)}"
        return Estimate(value=value, low=low, high=high, n=truth.size, method=method)
    half = norm.ppf(0.5 + level / 2) * math.sqrt(variance) / (value * (1 - value))
    return Estimate(
        value=value,
        low=float(expit(logit(value) - half)),
        high=float(expit(logit(value) + half)),
        n=truth.size,
        method=method,
        reason="" if variance else "no variance between members: the width 0 is not certainty",
    )
