"""The shot number at which a probe passes zero-shot, and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clipprobe.zeroshot.few_shot.crossing import Resamples, crossing_point, crossing_text

SHOTS = [1.0, 2.0, 4.0, 8.0, 16.0]


def test_linear_over_the_logarithm_of_the_shots() -> None:
    assert crossing_point(SHOTS, [-0.2, -0.1, 0.1, 0.2, 0.3]) == pytest.approx(2 * 2**0.5)
    assert crossing_point(SHOTS, [-0.3, 0.1, 0.2, 0.3, 0.4]) == pytest.approx(2**0.75)
    assert crossing_point(SHOTS, [-0.1, 0.0, 0.1, 0.2, 0.3]) == 2.0


def test_a_dip_is_smoothed_before_it_is_read() -> None:
    # 0.1 and -0.3 become -0.1 each: the first touch at 2 shots does not count.
    found = crossing_point(SHOTS, [-0.4, 0.1, -0.3, 0.1, 0.4])
    assert found == pytest.approx(4 * 2**0.5)


def test_never_and_always_are_answers() -> None:
    assert crossing_point(SHOTS, [0.1] * 5) == -math.inf
    assert crossing_point(SHOTS, [-0.1] * 5) == math.inf
    assert crossing_text(-math.inf, SHOTS) == "<1"
    assert crossing_text(math.inf, SHOTS) == ">16"


def answers(rates: np.ndarray, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).binomial(n, rates).astype(np.float64)


def test_the_interval_holds_the_truth_and_shrinks_with_more_classes() -> None:
    # Class accuracies around a rising mean that passes zero-shot's at exactly 4 shots.
    n, draws = 20, 5
    hits, widths = 0, {}
    for classes in (10, 80):
        for trial in range(20):
            rng = np.random.default_rng([classes, trial])
            hard = rng.normal(0, 0.1, classes)
            totals = np.full(classes, float(n))
            base = answers(np.clip(0.6 + hard, 0, 1), n, trial)[None]
            curve = [
                answers(
                    np.clip(level + hard + rng.normal(0, 0.1, classes), 0, 1)[None].repeat(
                        draws, 0
                    ),
                    n,
                    100 * trial + i,
                )
                for i, level in enumerate((0.4, 0.5, 0.6, 0.7, 0.8))
            ]
            found = Resamples(draws, classes, times=300, seed=trial).crossing(
                SHOTS, curve, base, totals
            )
            assert found.low <= found.value <= found.high
            hits += found.low <= 4 <= found.high
            widths.setdefault(classes, []).append(math.log2(found.high / found.low))
    assert hits >= 34  # of 40, nominally 38
    assert np.mean(widths[80]) < 0.6 * np.mean(widths[10])


def test_the_mean_of_draws_and_classes_is_the_plain_one() -> None:
    right = np.array([[3.0, 4.0], [1.0, 2.0]])
    found = Resamples(2, 2, times=200).estimate(right, np.array([5.0, 5.0]))
    assert found.value == pytest.approx(0.5)
    assert found.n == 10
    # One class drawn twice with one draw twice gives each of the four corners.
    assert found.low == pytest.approx(0.2)
    assert found.high == pytest.approx(0.8)


def test_a_probe_that_equals_zero_shot_differs_by_exactly_nothing() -> None:
    base = np.array([[3.0, 4.0, 1.0]])
    n = np.array([5.0, 5.0, 5.0])
    found = Resamples(4, 3, times=100).difference(base.repeat(4, 0), base, n)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert "does not mean certainty" in found.reason
