"""Is a label true on images that it was not chosen on? And when to give none.

A label is chosen on one half of the probe images and scored on the other: Pearson's r of the unit's
activation with what the judge says of the label (which decides, see ``metrics``), AUPRC and its
lift over chance, and AUROC. Over all units tested together (the family), those are selected whose
one-sided Mann-Whitney test passes Benjamini-Hochberg at ``alpha``; a selected unit keeps its label
if the lower end of r's interval lies above the threshold, at the level ``1 - alpha * selected /
family`` (Benjamini & Yekutieli 2005: intervals of what was selected). The test guards where few
images show the label and the interval alone is too narrow.
Otherwise the unit has no label: abstention. Where no unit responds to anything, the chance of any
label is at most ``alpha``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import ConfigError
from clipprobe.neurons.labels.metrics import auprc_lift, average_precision, pearson_estimate
from clipprobe.statistics import Estimate, auroc_estimate, benjamini_hochberg, undefined
from clipprobe.statistics.halves import hashed, split

MIN_POSITIVES = 3
_EXACT_PAIRS = 2000
NOT_THERE = undefined("made by a version that scored labels by AUROC alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The held-out score of one unit's label.

    ``auroc``: with a 95 % interval, for reading.
    ``low_corrected``: its lower end at the corrected level; NaN where the unit was not selected.
    ``pearson``: of the activation with what the judge says, or what a linear explanation makes of
    it; 95 % interval. ``pearson_low_corrected``: the end that decides.
    ``auprc``: area under precision and recall. ``lift``: over the share of images that show the
    label, which chance reaches. All four are undefined in runs of versions without them.
    ``n_positive``: held-out images that show the label, of ``auroc.n``.
    ``p``, ``q``: one-sided Mann-Whitney against 0.5 (exact for small samples), and its
    Benjamini-Hochberg q-value over the family.
    ``family``: how many units were corrected over.
    ``accepted``: whether the label is kept.
    ``reason``: why not; empty where it is.
    """

    auroc: Estimate
    low_corrected: float
    n_positive: int
    p: float
    q: float
    family: int
    accepted: bool
    reason: str
    pearson: Estimate = NOT_THERE
    pearson_low_corrected: float = math.nan
    auprc: float = math.nan
    lift: float = math.nan


def halves(ids: Sequence[str], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows for choosing and rows held out, by the hash of id and seed: the same on every machine.

    Raises:
        ConfigError: fewer than four images.
    """
    if len(ids) < 4:
        raise ConfigError(
            f"Labels are chosen on one half of the images and scored on the other, and {len(ids)} "
            "cannot be halved usefully: give more images."
        )
    chooses = split(ids, hashed(seed), lambda n: n // 2)
    return np.flatnonzero(chooses), np.flatnonzero(~chooses)


def check_levels(alpha: float, threshold: float) -> None:
    """Refuse levels that no label can be judged by.

    Raises:
        ConfigError: one is out of range.
    """
    if not 0 < alpha < 1 or not 0 <= threshold < 1:
        raise ConfigError(
            f"alpha={alpha} and threshold={threshold} cannot be used: give an alpha between 0 and "
            "1 and a threshold from 0 to below 1."
        )


def validate(
    activations: NDArray[np.floating],
    present: NDArray[np.bool_],
    labels: NDArray[np.intp],
    explained: NDArray[np.float64] | None = None,
    *,
    alpha: float = 0.05,
    threshold: float = 0.1,
) -> list[Validation]:
    """Score the label of every unit on held-out images.

    Args:
        activations: ``(n, u)`` on the held-out images.
        present: ``(n, c)`` which concepts each shows.
        labels: ``(u,)`` the concept chosen for each unit.
        explained: ``(n, u)`` what the judge says of each unit's label; None for ``present``.
        alpha: Expected share of false labels among those given (false discovery rate).
        threshold: Pearson's r that the lower end must exceed.
    """
    check_levels(alpha, threshold)
    values = np.asarray(activations, np.float64)
    labels = np.asarray(labels)
    predictions = present[:, labels].astype(np.float64) if explained is None else explained
    ps = np.full(len(labels), np.nan)
    estimates: list[Estimate] = [undefined("not scored")] * len(labels)
    for label in np.unique(labels).tolist():
        units = np.flatnonzero(labels == label)
        truth = present[:, label]
        n_positive = int(truth.sum())
        if min(n_positive, len(truth) - n_positive) < MIN_POSITIVES:
            reason = (
                f"{n_positive} of {len(truth)} held-out images show the label: at least "
                f"{MIN_POSITIVES} that do and {MIN_POSITIVES} that do not are needed"
            )
            for each in units:
                estimates[each] = undefined(reason, n=len(truth))
            continue
        ps[units] = _mann_whitney(values[truth][:, units], values[~truth][:, units])
        for each in units:
            estimates[each] = auroc_estimate(values[:, each], truth)
    qs = benjamini_hochberg(ps)
    family, n_selected = int(np.isfinite(ps).sum()), int((qs <= alpha).sum())
    results = []
    for unit, label in enumerate(labels.tolist()):
        low, pearson_low, reason = math.nan, math.nan, estimates[unit].reason
        is_present = present[:, label]
        pearson = pearson_estimate(values[:, unit], predictions[:, unit])
        if qs[unit] <= alpha:
            level = 1 - alpha * n_selected / family
            low = _lower_end(estimates[unit], values[:, unit], is_present, level)
            pearson_low = pearson_estimate(values[:, unit], predictions[:, unit], level=level).low
            reason = (
                ""
                if pearson_low > threshold
                else f"Pearson's r is {pearson.value:.2f} on held-out images, and its corrected "
                f"lower end {pearson_low:.2f} does not exceed {threshold:g}"
            )
        elif estimates[unit].defined:
            reason = f"not significant after correction over {family} units"
        results.append(
            Validation(
                auroc=estimates[unit],
                low_corrected=low,
                n_positive=int(is_present.sum()),
                p=float(ps[unit]),
                q=float(qs[unit]),
                family=family,
                accepted=not reason,
                reason=reason,
                pearson=pearson,
                pearson_low_corrected=pearson_low,
                auprc=average_precision(values[:, unit], is_present),
                lift=auprc_lift(values[:, unit], is_present),
            )
        )
    return results


def _mann_whitney(
    positive: NDArray[np.float64], negative: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One-sided p of each column; 1 where all its values are the same."""
    from scipy.stats import mannwhitneyu

    constant = np.ptp(np.concatenate([positive, negative]), axis=0) == 0
    result = np.ones(positive.shape[1])
    # The exact distribution of large samples is slow; the normal one's far tail is too heavy, so
    # with few positives it errs on the side of no label.
    small = len(positive) * len(negative) <= _EXACT_PAIRS
    if not constant.all():
        result[~constant] = mannwhitneyu(
            positive[:, ~constant],
            negative[:, ~constant],
            alternative="greater",
            method="auto" if small else "asymptotic",
            axis=0,
        ).pvalue
    return result


def _lower_end(
    estimate: Estimate,
    values: NDArray[np.float64],
    truth: NDArray[np.bool_],
    level: float,
) -> float:
    """The lower end of an AUROC's interval at another level.

    DeLong's interval is symmetric on the logit scale, so the width at 95 % gives every other.
    """
    from scipy.special import expit, logit
    from scipy.stats import norm

    if not estimate.method.startswith("DeLong") or not 0 < estimate.low < estimate.value < 1:
        return auroc_estimate(values, truth, level=level).low
    error = (logit(estimate.value) - logit(estimate.low)) / norm.ppf(0.975)
    return float(expit(logit(estimate.value) - norm.ppf(0.5 + level / 2) * error))
