"""AUROC against scikit-learn, by hand, and the coverage of its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from clipprobe.errors import DataError
from clipprobe.statistics import auroc, auroc_estimate, aurocs, wilson


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=40),
)
def test_auroc_agrees_with_scikit_learn_ties_included(rows: list[tuple[int, bool]]) -> None:
    scores, truth = zip(*rows, strict=True)
    assume(0 < sum(truth) < len(truth))
    assert auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))


def test_ties_count_half_and_one_class_is_undefined() -> None:
    assert auroc([1, 1, 1, 1], [True, False, True, False]) == 0.5
    assert math.isnan(auroc([1.0, 2.0], [True, True]))
    missing = auroc_estimate([1.0, 2.0], [False, False])
    assert math.isnan(missing.value) and missing.reason == "no positive to rank"
    with pytest.raises(DataError, match="NaN"):
        auroc([1.0, math.nan], [True, False])


def test_columns_are_scored_one_by_one() -> None:
    table = np.random.default_rng(0).normal(size=(30, 4))
    truth = np.arange(30) % 3 == 0
    assert aurocs(table, truth).tolist() == pytest.approx(
        [roc_auc_score(truth, column) for column in table.T]
    )
    assert np.isnan(aurocs(table, np.zeros(30, bool))).all()
    with pytest.raises(DataError, match="29 labels"):
        aurocs(table, truth[:29])


def test_delong_variance_by_hand() -> None:
    # Positives 1, 3, 4; negatives 0, 2: shares of negatives below: .5, 1, 1; AUROC 5/6.
    # Shares of positives above each negative: 1, 2/3.
    estimate = auroc_estimate([1, 3, 4, 0, 2], [True, True, True, False, False])
    variance = np.var([0.5, 1, 1], ddof=1) / 3 + np.var([1, 2 / 3], ddof=1) / 2
    half = stats.norm.ppf(0.975) * math.sqrt(variance) / (5 / 6 * 1 / 6)
    low = 1 / (1 + math.exp(-(math.log(5) - half)))
    assert estimate.value == pytest.approx(5 / 6)
    assert estimate.low == pytest.approx(low)


def test_complete_separation_is_not_certainty() -> None:
    apart = auroc_estimate(np.arange(30), np.arange(30) >= 20)
    assert apart.value == 1.0 and apart.high == 1.0
    assert apart.low == pytest.approx(wilson(10, 10).low) and "separation" in apart.method
    reverse = auroc_estimate(-np.arange(30), np.arange(30) >= 20)
    assert (reverse.value, reverse.low) == (0.0, 0.0)
    assert reverse.high == pytest.approx(1 - wilson(10, 10).low)
    assert math.isnan(auroc_estimate([0, 1, 2], [False, False, True]).low)


def test_the_interval_covers() -> None:
    truth = stats.norm.cdf(1 / math.sqrt(2))  # N(1, 1) against N(0, 1)
    rng, covered = np.random.default_rng(4), 0
    positives = np.arange(100) < 50
    for _ in range(1000):
        estimate = auroc_estimate(rng.normal(positives, 1.0), positives)
        covered += estimate.low <= truth <= estimate.high
    assert 0.93 <= covered / 1000 <= 0.97
