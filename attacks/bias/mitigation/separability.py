"""Whether a classifier can still tell the groups from the image vectors, before and after.

An association that is gone from some words may still be in the vectors. A linear probe (logistic
regression on standardised vectors) is trained on the fitting half and scored on the other: the area
under its ROC curve, 0.5 where nothing can be told, averaged over groups against the rest where
there are more than two.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from attacks.bias.groups import GroupColumn
from attacks.bias.mitigation.measures import (
    HALF_TOO_SMALL,
    Change,
    groups_of,
    scoring_draws,
    too_small,
)
from attacks.bias.resampling import Floats, Ints
from clipprobe.statistics import Estimate, undefined

MEASURE = "linear probe AUC"
_DRAWS = 500  # each sorts nothing, but sums over all images and groups


def separability_change(
    column: GroupColumn,
    before: Floats,
    after: Floats,
    fit: NDArray[np.bool_],
    clusters: Ints | None,
    *,
    n_boot: int,
    seed: int,
) -> Change:
    """The probe's AUC on image vectors ``(n, d)`` before and after a mitigation."""
    about = column.heading
    here = column.labels >= 0
    scoring = here & ~fit
    n = int(scoring.sum())
    if too_small(column, fit):
        gone = undefined(HALF_TOO_SMALL, n=n)
        return Change(measure=MEASURE, about=about, before=gone, after=gone, difference=gone)
    labels = column.labels
    draws = scoring_draws(column, scoring, clusters, n_boot=min(n_boot, _DRAWS), seed=seed)
    found = []
    for vectors in (before, after):
        said = _probe(vectors[here & fit], labels[here & fit], vectors[scoring])
        one = np.ones((1, n))
        found.append((_auc(said, labels[scoring], one)[0], _auc(said, labels[scoring], draws)))
        if after is before:
            found *= 2
            break
    (a, boot_a), (b, boot_b) = found
    difference = _estimate(b - a, boot_b - boot_a, n)
    if after is before:
        difference = Estimate(
            value=0.0, low=math.nan, high=math.nan, n=n, method="none",
            reason="this method changes texts, not the pictures' vectors",
        )  # fmt: skip
    return Change(
        measure=MEASURE,
        about=about,
        before=_estimate(a, boot_a, n),
        after=_estimate(b, boot_b, n),
        difference=difference,
    )


def _probe(vectors: Floats, labels: Ints, asked: Floats) -> Floats:
    """Score of each picture asked for each group, ``(n, g)``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    result: Floats = np.log(probe.fit(vectors, labels).predict_proba(asked) + 1e-300)
    return result


def _auc(scores: Floats, labels: Ints, weights: Floats) -> Floats:
    """AUC under each row of weights ``(b, n)``, mean over groups against the rest; ties half."""
    found = []
    for group in groups_of(scores.shape[1]):
        order = np.argsort(scores[:, group], kind="stable")
        ranked = scores[order, group]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        inside = (labels[order] == group).astype(np.float64)
        ours = np.add.reduceat(weights[:, order] * inside, starts, axis=1)
        others = np.add.reduceat(weights[:, order] * (1 - inside), starts, axis=1)
        below = np.cumsum(others, axis=1) - others
        with np.errstate(invalid="ignore"):
            found.append(
                (ours * (below + others / 2)).sum(axis=1) / (ours.sum(axis=1) * others.sum(axis=1))
            )
    result: Floats = np.mean(found, axis=0)
    return result


def _estimate(value: float, draws: Floats, n: int) -> Estimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(
        value=float(value), low=float(low), high=float(high), n=n,
        method=f"percentile bootstrap within groups, {len(draws)} draws, 95 %; the probe is fixed",
    )  # fmt: skip
