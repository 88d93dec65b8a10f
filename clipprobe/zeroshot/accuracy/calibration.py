"""Whether a share of 0.8 is right in 8 of 10 images, and the temperature that would make it so.

The expected calibration error (Guo et al. 2017, arXiv:1706.04599) sorts images by the share of
their best class into 15 bins of equal width and averages the distance of accuracy and mean share.
The temperature divides the logits; it is fitted on one half of the images and judged on the other,
never on the same. A small sample has an error above 0 even where all is well, so its floor stands
beside it: the error of answers drawn from the model's own shares.

Chance adds to a mean of distances, and resampling adds it again, so the percentiles of a bootstrap
lie above the truth: of a calibrated model their interval never holds 0. Here the lower end is as
far below the estimate as the upper end is above it, and 0 where answers drawn from the shares have
such an error too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats, Ints
from clipprobe.statistics import Estimate, cluster_bootstrap

BINS = 15
_FLOOR_DRAWS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Of the half of the images that did not choose the temperature."""

    error: Estimate
    """Expected calibration error of the model's own scale; the interval resamples images."""
    error_at_temperature: Estimate
    """The same after the logits were divided by the temperature."""
    floor: float
    """Mean error of answers drawn from the shares: what a calibrated model of this size shows."""
    temperature: float
    """Fitted on the other half; over 1 where the shares are too sure."""
    bins: tuple[tuple[float, float, int], ...]
    """Mean share, accuracy and number of images of each bin that is not empty."""


def calibration(logits: npt.NDArray[Any], labels: Ints, *, seed: int = 0) -> Calibration:
    """Split the images in halves, fit the temperature on one, judge on the other."""
    rng = np.random.default_rng([seed, 11])
    order = rng.permutation(len(labels))
    fit, judge = order[: len(order) // 2], order[len(order) // 2 :]
    temperature = fit_temperature(logits[fit], labels[fit])
    share, right = best_shares(logits[judge], labels[judge])
    cooled, _ = best_shares(logits[judge] / temperature, labels[judge])
    chance, chance_cooled = (_errors_by_chance(one, rng) for one in (share, cooled))
    return Calibration(
        error=_estimate(share, right, chance, seed),
        error_at_temperature=_estimate(cooled, right, chance_cooled, seed),
        floor=float(np.mean(chance)),
        temperature=temperature,
        bins=tuple(_bins(share, right)),
    )


def calibration_error(share: Floats, right: npt.NDArray[Any]) -> float:
    """Expected calibration error of shares and right answers, both ``(n,)``.

    Example:
        >>> calibration_error(np.array([0.9, 0.9, 0.55]), np.array([1, 0, 1]))
        0.4166666666666667
    """
    return sum(abs(mean - rate) * n for mean, rate, n in _bins(share, right)) / len(share)


def best_shares(logits: npt.NDArray[Any], labels: Ints) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Softmax share of the best class, and whether it is the label, both ``(n,)``."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    right: npt.NDArray[np.bool_] = logits.argmax(axis=1) == labels
    return 1 / np.exp(shifted).sum(axis=1), right


def fit_temperature(logits: npt.NDArray[Any], labels: Ints) -> float:
    """What the logits are divided by for the least negative log-likelihood, within 1/1000 to 1000.

    Where every answer is right the likelihood rises for ever: then it is 1/1000.
    """
    from scipy.optimize import minimize_scalar

    values = logits.astype(np.float64)
    own = values[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        scaled = (values - own[:, None]) / np.exp(log_temperature)
        top = scaled.max(axis=1)
        return float((np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top).mean())

    # Convex in the inverse temperature, so it has one valley in its logarithm too.
    bound = np.log(1000)
    optimum = minimize_scalar(
        loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-8}
    )
    return float(np.exp(optimum.x))


def _bins(share: Floats, right: npt.NDArray[Any]) -> list[tuple[float, float, int]]:
    place = np.minimum((share * BINS).astype(int), BINS - 1)
    return [
        (float(share[here].mean()), float(np.mean(right[here])), int(here.sum()))
        for here in (place == i for i in range(BINS))
        if here.any()
    ]


def _errors_by_chance(share: Floats, rng: np.random.Generator) -> list[float]:
    """Errors of answers drawn from the shares: those of a calibrated model."""
    hits = rng.random((_FLOOR_DRAWS, len(share))) < share
    return [calibration_error(share, one) for one in hits]


def _estimate(
    share: Floats, right: npt.NDArray[np.bool_], chance: list[float], seed: int
) -> Estimate:
    """The error; see the module for its interval."""
    raw = cluster_bootstrap(
        np.arange(len(share), dtype=np.float64),
        lambda rows: calibration_error(share[rows.astype(int)], right[rows.astype(int)]),
        n_boot=500,
        seed=seed,
    )
    if np.isnan(raw.high):
        return raw
    by_chance = raw.value <= np.quantile(chance, 0.975)
    low = 0.0 if by_chance else min(raw.value, max(0.0, 2 * raw.value - raw.high))
    return replace(raw, low=low, method=f"{raw.method}, the lower end freed of its bias")
