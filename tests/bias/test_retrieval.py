"""Skew and NDKL: known extremes, ties, and fairlearn and scipy on random rankings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, selection_rate
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from scipy.stats import entropy

from attacks.bias import Settings, make_column, retrieval
from attacks.bias.ndkl_floor import NDKL_PERMUTATIONS, NdklFloors
from attacks.bias.probes import Sample
from clipprobe.errors import ConfigError


def counts_at(scores: np.ndarray, labels: np.ndarray, k: int, n_groups: int) -> np.ndarray:
    return retrieval.top_weights(scores, k) @ np.eye(n_groups)[labels]


def test_a_maximally_biased_ranking_has_skew_ln_2() -> None:
    """A well-known implementation takes k = N here and reports 0."""
    labels = np.repeat([0, 1], 50)
    scores = np.linspace(1, 0, 100)
    skew = retrieval.skews(counts_at(scores, labels, 50, 2), np.array([0.5, 0.5]))
    assert skew.tolist() == pytest.approx([math.log(2), math.log(1 / 50 / 0.5)])
    for k in (51, 100, 0):
        with pytest.raises(ConfigError, match="half of them"):
            retrieval.resolve_k(k, 100)
    assert retrieval.resolve_k(50, 100) == 50


def test_default_depth_is_a_tenth_within_bounds() -> None:
    assert [retrieval.resolve_k(None, n) for n in (20, 100, 600, 50_000)] == [10, 10, 60, 1000]


def test_all_tied_scores_show_every_group_at_its_share() -> None:
    """Another implementation counts all tied images and divides by k: skew ln(N / k)."""
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    counts = counts_at(np.zeros(100), labels, 40, 3)
    assert counts.tolist() == pytest.approx([24, 12, 4])
    shares = retrieval.target_shares(np.array([60.0, 30.0, 10.0]), "dataset")
    assert retrieval.skews(counts, shares).tolist() == pytest.approx([0, 0, 0])
    ranked = retrieval.ranked_membership(np.zeros(100), labels, 3)
    assert float(retrieval.ndkl(ranked, shares)) == pytest.approx(0, abs=1e-12)


@profile(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=30), st.data())
def test_ties_count_with_their_expectation(values: list[int], data: st.DataObject) -> None:
    """The weight of an image is the share of the orders of the tied that put it in the top k."""
    scores = np.array(values, float)
    k = data.draw(st.integers(1, len(values) // 2))
    weights = retrieval.top_weights(scores, k)
    for score in np.unique(scores):
        above, tied = int((scores > score).sum()), int((scores == score).sum())
        expected = min(max(k - above, 0), tied) / tied
        assert weights[scores == score] == pytest.approx(np.full(tied, expected))
    assert weights.sum() == pytest.approx(k)


def test_skew_against_the_dataset_is_fairlearns_selection_rate() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 400, p=[0.6, 0.3, 0.1])
    scores = rng.normal(size=400) + 0.4 * labels
    k = 80
    selected = np.zeros(400, int)
    selected[np.argsort(-scores)[:k]] = 1
    frame = MetricFrame(
        metrics=selection_rate, y_true=selected, y_pred=selected, sensitive_features=labels
    )
    expected = np.log(frame.by_group.to_numpy(float) / frame.overall)
    sizes = np.bincount(labels).astype(float)
    skew = retrieval.skews(
        counts_at(scores, labels, k, 3), retrieval.target_shares(sizes, "dataset")
    )
    assert skew == pytest.approx(expected)
    uniform = retrieval.skews(
        counts_at(scores, labels, k, 3), retrieval.target_shares(sizes, "uniform")
    )
    assert uniform == pytest.approx(expected + np.log(sizes / 400 * 3))


def test_ndkl_is_the_discounted_entropy_of_scipy() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 3, 60), rng.normal(size=60)
    target = np.array([0.5, 0.3, 0.2])
    ordered = labels[np.argsort(-scores)]
    expected, total = 0.0, 0.0
    for i in range(1, 61):
        seen = np.bincount(ordered[:i], minlength=3) / i
        expected += entropy(seen, target) / math.log2(i + 1)
        total += 1 / math.log2(i + 1)
    ranked = retrieval.ranked_membership(scores, labels, 3)
    assert float(retrieval.ndkl(ranked, target)) == pytest.approx(expected / total)
    several = retrieval.ranked_membership(scores, np.stack([labels, labels[::-1]]), 3)
    both = retrieval.ndkl(several, np.stack([target, target]))
    assert both[0] == pytest.approx(expected / total) and both[0] != both[1]


def test_counts_under_copies_equal_counts_of_the_copied_list() -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.integers(0, 15, 40).astype(float), rng.integers(0, 2, 40)
    copies = rng.integers(0, 3, (5, 40)).astype(np.uint8)
    got = retrieval.top_counts(scores[:, None], 10, labels, 2, [copies[:2], copies[2:]])
    for row, found in zip(copies, got[:, 0], strict=True):
        places = 10 * row.sum() / 40
        expected = counts_at(np.repeat(scores, row), np.repeat(labels, row), places, 2)
        assert found == pytest.approx(expected)


def test_a_deep_search_is_made_when_the_first_ranks_do_not_suffice() -> None:
    scores, labels = np.arange(500.0), np.arange(500) % 2
    copies = np.ones((1, 500), np.uint8)
    copies[0, 100:] = 0  # only the lowest scores were drawn
    got = retrieval.top_counts(scores[:, None], 10, labels, 2, [copies])
    assert got.sum() == pytest.approx(10 * 100 / 500)
    assert got[0, 0].tolist() == [1.0, 1.0]


def test_every_text_of_many_and_every_chunk_is_counted_like_a_copied_list() -> None:
    """Many more images than the ranks around k that are gone through; some scores are tied."""
    rng = np.random.default_rng(4)
    n, k = 900, 100
    labels = rng.integers(0, 3, n)
    scores = np.column_stack([rng.normal(size=n), np.round(rng.normal(size=n), 1), labels * 1.0])
    copies = rng.multinomial(n, np.full(n, 1 / n), size=7).astype(np.uint8)
    copies[6] = 0
    copies[6, np.argsort(-scores[:, 0])[300:]] = 1  # its top k ends far below the others'
    got = retrieval.top_counts(scores, k, labels, 3, [copies[:3], copies[3:]])
    assert got.shape == (7, 3, 3)
    for row, found in zip(copies, got, strict=True):
        for j, column in enumerate(scores.T):
            drawn = np.repeat(column, row), np.repeat(labels, row)
            assert found[j] == pytest.approx(counts_at(*drawn, k * row.sum() / n, 3))


def test_permuted_counts_are_those_of_each_permutation() -> None:
    rng = np.random.default_rng(3)
    membership = np.stack([retrieval.top_weights(rng.normal(size=30), 7) for _ in range(2)], 1)
    chunk = np.stack([rng.permutation(np.repeat([0, 1, 2], 10)) for _ in range(4)]).astype(np.int8)
    counts, sizes = retrieval.permuted_counts(membership, [chunk], 3)
    assert counts.shape == (4, 2, 3) and (sizes == 10).all()
    for b in range(4):
        for g in range(3):
            assert counts[b, :, g] == pytest.approx(membership[chunk[b] == g].sum(axis=0))


@pytest.mark.parametrize("ties", [0, 12, 1])
def test_the_floor_of_ndkl_is_ndkl_of_permuted_labels(ties: int) -> None:
    """Against the definition, one permutation at a time: no ties, blocks of them, all tied."""
    rng = np.random.default_rng(5)
    values = rng.choice(["a", "b", "c"], 150, p=[0.6, 0.3, 0.1]).tolist()
    scores = rng.normal(size=150) if not ties else rng.integers(0, ties, 150) * 1.0
    asked = Settings(n_boot=100, n_permutations=600, seed=2)
    sample = Sample(
        columns=(make_column("g", values),), truth={}, clusters=None, settings=asked,
        strata=rng.integers(0, 2, 150),
    )  # fmt: skip
    frame = sample.framed(scores[:, None], sample.columns[0])
    found = NdklFloors(frame)(0)
    rows = np.concatenate(list(frame.permutations))[:NDKL_PERMUTATIONS]
    for target in retrieval.TARGETS:
        shares = retrieval.target_shares(np.bincount(frame.labels).astype(float), target)
        expected = [
            retrieval.ndkl(retrieval.ranked_membership(scores, row, 3), shares) for row in rows
        ]
        assert found[target] == pytest.approx(np.array(expected), abs=1e-12)


def test_the_floor_of_ndkl_is_that_of_each_word_where_labels_are_dealt_within_strata() -> None:
    """A word that ranks by stratum has another floor than one that does not."""
    stratum = np.repeat([0, 1], 100)
    values = ["a"] * 90 + ["b"] * 10 + ["a"] * 10 + ["b"] * 90
    rng = np.random.default_rng(6)
    scores = np.column_stack([rng.normal(size=200), stratum + 0.1 * rng.random(200)])
    asked = Settings(n_boot=100, n_permutations=200)
    sample = Sample(columns=(make_column("g", values),), truth={}, clusters=None, settings=asked)
    plain = NdklFloors(sample.framed(scores, sample.columns[0]))
    assert plain(0) is plain(1)
    frame = replace(sample, strata=stratum).framed(scores, sample.columns[0])
    within = NdklFloors(frame)
    assert within(1)["dataset"].mean() > 3 * within(0)["dataset"].mean()
