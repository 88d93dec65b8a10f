"""Permutation p-values, McNemar and corrections against scipy, statsmodels and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics import benjamini_hochberg, holm, mcnemar, permutation_p


def test_permutation_p_counts_what_was_seen() -> None:
    null = [0.0, 1.0, 2.0, -3.0]
    assert permutation_p(2.0, null) == pytest.approx((1 + 1) / 5)
    assert permutation_p(9.0, null) == pytest.approx(1 / 5)
    assert permutation_p(-3.0, null, "less") == pytest.approx(2 / 5)
    assert permutation_p(2.0, null, "two-sided") == pytest.approx((1 + 2) / 5)
    with pytest.raises(ConfigError, match="'both'"):
        permutation_p(0.0, null, "both")
    with pytest.raises(DataError):
        permutation_p(0.0, [])


def test_equal_up_to_rounding_counts_as_equal() -> None:
    assert permutation_p(0.3, [0.1 + 0.2, 0.1 + 0.1 + 0.1, 0.0]) == pytest.approx(3 / 4)
    assert permutation_p(0.1 + 0.2, [0.3, 0.0]) == pytest.approx(2 / 3)


def test_permutation_p_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 1, 12), rng.normal(0, 1, 12)
    both = np.concatenate([a, b])
    null = []
    for _ in range(4000):
        shuffled = rng.permutation(both)
        null.append(shuffled[:12].mean() - shuffled[12:].mean())
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), n_resamples=4000, rng=rng
    ).pvalue
    assert permutation_p(a.mean() - b.mean(), null, "two-sided") == pytest.approx(theirs, abs=0.02)


def test_mcnemar_is_a_sign_test_of_the_discordant_pairs() -> None:
    a = [1] * 10 + [0] * 2 + [1] * 30
    b = [0] * 10 + [1] * 2 + [1] * 30
    assert mcnemar(a, b) == pytest.approx(stats.binomtest(2, 12).pvalue)
    assert mcnemar([1, 0], [1, 0]) == 1.0
    with pytest.raises(DataError):
        mcnemar([1, 0], [1])


def test_corrections_by_hand_and_nan_is_not_a_test() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert benjamini_hochberg([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.04, 0.04])
    corrected = benjamini_hochberg([0.01, math.nan, 0.04, 0.03])
    assert math.isnan(corrected[1])
    assert corrected[[0, 2, 3]].tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert benjamini_hochberg([]).size == 0 and np.isnan(holm([math.nan])).all()
    with pytest.raises(DataError, match="between 0 and 1"):
        holm([1.2])


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_corrections_agree_with_statsmodels_and_only_grow(p: list[float]) -> None:
    for ours, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        adjusted = ours(p)
        assert np.allclose(adjusted, multipletests(p, method=name)[1])
        assert (adjusted >= np.asarray(p) - 1e-15).all() and (adjusted <= 1).all()
