"""Whether a classifier can still tell the groups from the image vectors, before and after.

An association that is gone from some words may still be in the vectors. A linear probe (logistic
regression on standardised vectors) is trained on the fitting half and scored on the other: the area
under its ROC curve, 0.5 where nothing can be told, averaged over groups against the rest where
there are more than two.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from attacks.bias.measures.draws import Floats, Ints
from attacks.bias.measures.subjects import percentile_interval
from attacks.bias.mitigation.measures import HALF_TOO_SMALL, Change, Halves, groups_of
from clipprobe.statistics import (
    Estimate,
    auroc_estimate,
    difference_of_estimates,
    undefined,
    wilson,
)

MEASURE = "linear probe AUC"
_DRAWS = 500  # each sorts nothing, but sums over all images and groups


def separability_change(halves: Halves, before: Floats, after: Floats) -> Change:
    """The probe's AUC on image vectors ``(n, d)`` before and after a mitigation."""
    about, labels, scoring = halves.column.heading, halves.column.labels, halves.scoring
    n = int(scoring.sum())
    if halves.too_small:
        return Change.unknown(MEASURE, about, undefined(HALF_TOO_SMALL, n=n))
    own = None if halves.clusters is None else halves.clusters[scoring]
    draws = halves.draws(min(halves.n_boot, _DRAWS))
    changes: list[tuple[Estimate, Floats]] = []
    for vectors in (before, after):
        auc = _probe(vectors[halves.fitting], labels[halves.fitting], vectors[scoring])
        boot = _auc(auc, labels[scoring], draws)
        changes.append((_estimate(auc, labels[scoring], own, boot), boot))
        if after is before:
            changes *= 2
            break
    (a, boot_a), (b, boot_b) = changes
    if after is before:
        gone = undefined("this method changes texts, not the images' vectors", n=n)
        difference = replace(gone, value=0.0)
    elif np.ptp(boot_a) == 0 or np.ptp(boot_b) == 0:
        difference = difference_of_estimates(b, a, n=n, why="one tells all groups apart")
    else:
        difference = _bootstrapped(b.value - a.value, boot_b - boot_a, n)
    if after is not before:
        difference = halves.told(difference)
    a, b = halves.told(a), halves.told(b)
    return Change(measure=MEASURE, about=about, before=a, after=b, difference=difference)


def _probe(vectors: Floats, labels: Ints, rows: Floats) -> Floats:
    """Score of each image asked for each group, ``(n, g)``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    result: Floats = np.log(probe.fit(vectors, labels).predict_proba(rows) + 1e-300)
    return result


def _auc(scores: Floats, labels: Ints, weights: Floats) -> Floats:
    """AUC under each row of weights ``(b, n)``, mean over groups against the rest; ties half."""
    areas = []
    for group in groups_of(scores.shape[1]):
        order = np.argsort(scores[:, group], kind="stable")
        ranked = scores[order, group]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        inside = (labels[order] == group).astype(np.float64)
        ours = np.add.reduceat(weights[:, order] * inside, starts, axis=1)
        others = np.add.reduceat(weights[:, order] * (1 - inside), starts, axis=1)
        below = np.cumsum(others, axis=1) - others
        with np.errstate(invalid="ignore"):
            areas.append(
                (ours * (below + others / 2)).sum(axis=1) / (ours.sum(axis=1) * others.sum(axis=1))
            )
    result: Floats = np.mean(areas, axis=0)
    return result


def _estimate(scores: Floats, labels: Ints, clusters: Ints | None, boot: Floats) -> Estimate:
    """The AUC of scores ``(n, g)``, with an interval that has a width where all groups are told.

    Without clusters DeLong's for each group; the mean over several has the means of their ends, as
    if they moved together. With clusters the bootstrap ``boot`` ``(b,)`` of whole ones; where the
    groups are separated, Wilson's bound on the clusters of each group's smaller side.
    """
    groups = groups_of(scores.shape[1])
    value = float(_auc(scores, labels, np.ones((1, len(labels))))[0])
    if clusters is None:
        each = [auroc_estimate(scores[:, g], labels == g) for g in groups]
        low, high = (float(np.mean([getattr(e, end) for e in each])) for end in ("low", "high"))
        how = dict.fromkeys(e.method for e in each)
        method = f"{', '.join(how)}{f'; mean ends of {len(each)} groups' if len(each) > 1 else ''}"
    elif np.ptp(boot) != 0 or value not in (0.0, 1.0):
        return _bootstrapped(value, boot, len(labels))
    else:
        bounds = []
        for g in groups:
            sides = (clusters[labels == g], clusters[labels != g])
            smaller = min(len(np.unique(side)) for side in sides)
            bounds.append(wilson(smaller, smaller).low)
        far = float(np.mean(bounds))
        low, high = (far, 1.0) if value == 1 else (0.0, 1 - far)
        method = "complete separation: Wilson on the clusters of the smaller side, 95 %"
    return Estimate(
        value=value, low=low, high=high, n=len(labels), method=f"{method}; the probe is fixed"
    )


def _bootstrapped(value: float, draws: Floats, n: int) -> Estimate:
    low, high = percentile_interval(draws, 0.95)
    reason = ""
    if not low < high:
        low = high = math.nan
        reason = "no interval: a resample left a group empty, or all gave the same value"
    return Estimate(
        value=value, low=low, high=high, n=n, reason=reason,
        method=f"percentile bootstrap within groups, {len(draws)} draws, 95 %; the probe is fixed",
    )  # fmt: skip
