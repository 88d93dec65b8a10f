"""Intervals of the difference, or of the gap, between groups in how often they have a label."""

from __future__ import annotations

from typing import Any

import numpy as np

from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.group_sums import resampled_means
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.subjects import percentile_interval
from attacks.bias.probes.thresholds.label_tests import LabelTests

NO_INTERVAL = "no interval, as resampling clusters raises the gap of three and more groups"


def method(frame: Frame, two: bool) -> str:
    """How :func:`ends` finds them, or why it has none."""
    if frame.clusters is not None:
        return "bootstrap of clusters" if two else NO_INTERVAL
    return "Newcombe" if two else "from Wilson intervals that hold for all groups at once"


def ends(frame: Frame, hits: Any, tests: LabelTests, settings: Settings) -> tuple[Floats, Floats]:
    """Ends of the interval of each label's difference or gap, ``(m,)`` each.

    Newcombe 1998 (method 10) for two groups. For more, Wilson intervals at a Bonferroni level
    bound every group at once, and so their range. With clusters the bootstrap of a range is too
    high on average, so a gap has none.
    """
    from statsmodels.stats.proportion import proportion_confint

    sizes = np.array(frame.sizes)
    if frame.clusters is not None:
        if len(sizes) > 2:
            return np.full(hits.shape[1], np.nan), np.full(hits.shape[1], np.nan)
        return _bootstrapped(frame, hits, tests, settings)
    rates = tests.counts / sizes[:, None]
    alpha = (1 - settings.level) / (1 if len(sizes) == 2 else len(sizes))
    lower, upper = proportion_confint(tests.counts, sizes[:, None], alpha, method="wilson")
    if len(sizes) == 2:
        return _from_both(rates, lower, upper)
    low = np.maximum(0.0, lower.max(axis=0) - upper.min(axis=0))
    return low, upper.max(axis=0) - lower.min(axis=0)


def _from_both(rates: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Ends of the second rate less the first, from both sides' ends, ``(2, m)`` each."""
    value = rates[1] - rates[0]
    down = np.hypot(rates[1] - lower[1], upper[0] - rates[0])
    up = np.hypot(upper[1] - rates[1], rates[0] - lower[0])
    return value - down, value + up


def _bootstrapped(
    frame: Frame, hits: Any, tests: LabelTests, settings: Settings
) -> tuple[Floats, Floats]:
    """Of two groups, whole clusters resampled; where all clusters of a side answer alike, from both
    sides' ends, that side's being Wilson's over its clusters, as in
    :mod:`attacks.bias.measures.rates`."""
    from statsmodels.stats.proportion import proportion_confint

    means = resampled_means(hits.astype(np.float64), frame.labels, frame.weights, 2)
    draws = means.transpose(1, 0, 2)

    def of_draws(values: Floats) -> Floats:
        return np.array([percentile_interval(column, settings.level) for column in values.T]).T

    low, high = of_draws(draws[1] - draws[0])
    rates, still = tests.counts / np.array(frame.sizes)[:, None], np.ptp(draws, axis=1) == 0
    sides = np.stack([of_draws(side) for side in draws])  # (2, ends, m)
    for g, k in enumerate(frame.n_clusters):
        wilson = proportion_confint(rates[g] * k, k, alpha=1 - settings.level, method="wilson")
        sides[g][:, still[g]] = np.array(wilson)[:, still[g]]
    below, above = _from_both(rates, np.minimum(sides[:, 0], rates), np.maximum(sides[:, 1], rates))
    alike = still.any(axis=0)
    return np.where(alike, below, low), np.where(alike, above, high)
