"""How well a label tells when a unit is active: three metrics, of which one decides.

NeuronEval (Oikarinen, Yan & Weng 2025, arXiv:2506.05774) asks of a metric that it fall when half
of a true concept's labels are missing, and when as many wrong ones are added. Pearson's r and AUPRC
do; AUROC does not notice missing labels, since it compares ranks of what is left. So r is the gate,
and the other two stand beside it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.statistics import Estimate, undefined


def pearson_estimate(values: Floats, explained: Floats, *, level: float = 0.95) -> Estimate:
    """Pearson's r of activations with what a label says, ``(n,)`` each.

    The interval is on Fisher's scale with the distribution-free error of r (its influence
    function), at least that of normal data: activations have long tails and labels are rare. With
    tails as long as the lognormal's its lower end is still too high in up to 10 % of cases.
    """
    from scipy.stats import norm

    n = len(values)
    x, y = _standardised(values), _standardised(explained)
    if n < 4 or x is None or y is None:
        return undefined("fewer than four images" if n < 4 else "constant on these images", n=n)
    r = float(np.clip((x * y).mean(), -1, 1))
    if abs(r) > 1 - 1e-12:
        return Estimate(value=r, low=r, high=r, n=n, method="exact", reason="a straight line")
    error = float((x * y - r * (x**2 + y**2) / 2).std()) / math.sqrt(n) / (1 - r**2)
    reach = norm.ppf(0.5 + level / 2) * max(error, 1 / math.sqrt(n - 3))
    low, high = np.tanh(np.arctanh(r) + np.array([-reach, reach])).tolist()
    return Estimate(
        value=r, low=low, high=high, n=n,
        method=f"Pearson, Fisher's scale, distribution-free error, {level:.4g}",
    )  # fmt: skip


def average_precision(values: Floats, truth: NDArray[np.bool_]) -> float:
    """Area under precision and recall, step-wise, ties together; NaN without positives."""
    if not truth.any():
        return math.nan
    order = np.argsort(-values, kind="stable")
    ranked, hits = values[order], np.cumsum(truth[order])
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def auprc_lift(values: Floats, truth: NDArray[np.bool_]) -> float:
    """AUPRC over the share of images that show the label, which is what chance gives."""
    return average_precision(values, truth) / float(truth.mean()) if truth.any() else math.nan


def auroc_table(activations: Floats, truth: Floats) -> Floats:
    """``(u, c)`` AUROC of each unit ``(n, u)`` for each concept ``(n, c)`` of 0 and 1."""
    from scipy.stats import rankdata

    ranks = rankdata(activations, axis=0)
    n_positive = truth.sum(axis=0)
    others = len(truth) - n_positive
    pairs = np.where((n_positive > 0) & (others > 0), n_positive * others, 1)
    table = (ranks.T @ truth - n_positive * (n_positive + 1) / 2) / pairs
    return np.where((n_positive > 0) & (others > 0), table, 0.0)


def _standardised(values: Floats) -> Floats | None:
    centred = np.asarray(values, np.float64) - np.mean(values, dtype=np.float64)
    scale = float(centred.std())
    if not scale > 1e-12 * max(1.0, float(np.abs(values).max(initial=0))):
        return None
    return centred / scale
