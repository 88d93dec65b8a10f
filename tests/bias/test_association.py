"""Effect sizes against hand-computed values, numpy's own formula and scipy's permutation test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from attacks.bias.measures.association import (
    effect_sizes,
    permuted_effect_sizes,
    resampled_effect_sizes,
    weighted_effect_sizes,
)
from attacks.bias.measures.draws import bootstrap_weights, generator, permuted_labels
from attacks.bias.measures.group_sums import permuted_sums


def textbook_d(s: np.ndarray, group: np.ndarray) -> float:
    """The difference of mean standardised cosine, as it is written in the paper."""
    z = (s - s.mean()) / s.std(ddof=1)
    return float(z[group].mean() - z[~group].mean())


def test_d_by_hand() -> None:
    # Means 3 and 1; deviations from 2 are 0, 2, -2, 0: variance 8 / 3.
    scores = np.array([[2.0], [4.0], [0.0], [2.0]])
    d = effect_sizes(scores, np.array([True, True, False, False]))
    assert d == pytest.approx([2 / np.sqrt(8 / 3)])


def test_d_is_the_textbook_formula_and_ignores_scale_and_offset() -> None:
    rng = np.random.default_rng(0)
    scores, group = rng.normal(size=(50, 4)), rng.random(50) < 0.3
    expected = [textbook_d(column, group) for column in scores.T]
    assert effect_sizes(scores, group) == pytest.approx(expected)
    assert effect_sizes(0.001 * scores + 0.25, group) == pytest.approx(expected)
    assert effect_sizes(scores, ~group) == pytest.approx([-d for d in expected])


def test_equal_cosines_have_no_effect_size() -> None:
    scores = np.column_stack([np.full(10, 0.1 + 0.2), np.arange(10.0)])
    d = effect_sizes(scores, np.arange(10) < 5)
    assert np.isnan(d[0]) and d[1] < 0
    assert np.isnan(effect_sizes(scores, np.zeros(10, bool))).all()


def test_a_weight_is_a_number_of_copies() -> None:
    rng = np.random.default_rng(1)
    scores, group = rng.normal(size=(12, 3)), np.arange(12) < 5
    copies = rng.integers(0, 4, (6, 12))
    expected = [
        effect_sizes(np.repeat(scores, row, axis=0), np.repeat(group, row)) for row in copies
    ]
    assert weighted_effect_sizes(scores, group, copies.astype(float)) == pytest.approx(
        np.array(expected)
    )


def test_the_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=80), np.repeat([0, 1], 40)
    scores = scores + 0.8 * labels
    draws = np.concatenate(
        [
            weighted_effect_sizes(scores[:, None], labels == 1, w.astype(float))
            for w in bootstrap_weights(labels, None, 4000, generator(0, "x"))
        ]
    )

    def statistic(a: np.ndarray, b: np.ndarray) -> float:
        both = np.concatenate([a, b])
        return textbook_d(both, np.arange(len(both)) < len(a))

    theirs = stats.bootstrap(
        (scores[labels == 1], scores[labels == 0]),
        statistic,
        n_resamples=4000,
        vectorized=False,
        method="percentile",
        rng=rng,
    ).confidence_interval
    ours = np.percentile(draws, [2.5, 97.5])
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.04)


def test_the_null_agrees_with_scipy_and_with_effect_sizes() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [20, 14])
    scores = rng.normal(size=34) + 0.7 * labels
    chunks = list(permuted_labels(labels, None, 4000, generator(0, "p")))
    null = permuted_effect_sizes(scores[:, None], chunks, 2, [1])[0][:, 0]
    assert null[:3] == pytest.approx(
        [effect_sizes(scores[:, None], row == 1)[0] for row in chunks[0][:3]]
    )
    observed = effect_sizes(scores[:, None], labels == 1)[0]
    p = (1 + np.sum(np.abs(null) >= abs(observed))) / 4001
    theirs = stats.permutation_test(
        (scores[labels == 1], scores[labels == 0]),
        lambda a, b: a.mean() - b.mean(),
        vectorized=False,
        n_resamples=4000,
        rng=rng,
    ).pvalue
    assert p == pytest.approx(theirs, abs=0.015)


def test_the_null_of_many_groups_and_words_is_that_of_each_by_itself() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 5, 70)
    scores = rng.normal(size=(70, 4))
    chunks = list(permuted_labels(labels, None, 80, generator(0, "p")))
    together = permuted_effect_sizes(scores, chunks, 5, [3, 1])
    for place, g in enumerate([3, 1]):
        expected = [effect_sizes(scores, row == g) for row in np.concatenate(chunks)]
        assert together[place] == pytest.approx(np.array(expected), abs=1e-12)


def test_permuted_sums_do_not_depend_on_what_else_is_asked() -> None:
    """To the last bit: neither on the other columns nor on how the permutations are cut."""
    rng = np.random.default_rng(6)
    values, labels = rng.normal(size=(90, 5)), rng.integers(0, 4, 90)
    [whole] = permuted_labels(labels, None, 75, generator(0, "p"))
    sums, sizes = (np.concatenate(x) for x in zip(*permuted_sums(values, [whole], 4), strict=True))
    torn = [whole[i : i + 7] for i in range(0, 75, 7)]
    alone = np.concatenate([found for found, _ in permuted_sums(values[:, [2]], torn, 4)])
    assert sums.shape == (75, 4, 5) and np.array_equal(sums[:, :, [2]], alone)
    assert (sizes == np.bincount(labels, minlength=4)).all()
    for row, found in zip(whole, sums, strict=True):
        expected = np.array([values[row == g].sum(axis=0) for g in range(4)])
        assert found == pytest.approx(expected, abs=1e-12)


def test_resampled_groups_are_those_of_each_by_itself() -> None:
    rng = np.random.default_rng(5)
    labels, scores = rng.integers(0, 3, 40), rng.normal(size=(40, 2))
    [whole] = bootstrap_weights(labels, None, 30, generator(0, "x"))
    found = resampled_effect_sizes(scores, labels, 3, [0, 2], [whole[:13], whole[13:]])
    for g, draws in zip([0, 2], found, strict=True):
        expected = [
            effect_sizes(np.repeat(scores, row, axis=0), np.repeat(labels == g, row))
            for row in whole
        ]
        assert draws == pytest.approx(np.array(expected), abs=1e-12)
    alone = resampled_effect_sizes(scores[:, [1]], labels, 3, [2], [whole])[0]
    assert np.array_equal(alone, found[1][:, [1]])  # to the last bit, whatever else is asked
