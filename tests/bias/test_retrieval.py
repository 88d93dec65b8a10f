"""Skew and NDKL: known extremes, ties, and fairlearn and scipy on random rankings."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, selection_rate
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from scipy.stats import entropy

from attacks.bias import Settings, audit_bias, evaluate, make_column
from attacks.bias.measures import retrieval
from attacks.bias.measures.cells import Cell
from attacks.bias.measures.ndkl_floor import NDKL_PERMUTATIONS, NdklFloors
from attacks.bias.probe import Sample
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


def test_an_absent_group_is_never_over_represented() -> None:
    """40 of 2,000 images, all of them last: 20 places hold 0.4 of them by their share."""
    values = ["rare"] * 40 + ["other"] * 1960
    scores = np.random.default_rng(0).normal(size=(2000, 1)) - 9.0 * (np.arange(2000) < 40)[:, None]

    def cells(k: int) -> dict[tuple[str, str, str], Cell]:
        found = evaluate(
            {"retrieval": (["thief"], scores)}, [make_column("g", values)],
            settings=Settings(k=k, n_boot=100, n_permutations=200),
        )  # fmt: skip
        return {(c.measure, c.group, c.reference): c for c in found.cells}

    shallow, deep = cells(20), cells(50)
    rare = shallow["skew@k", "rare", "dataset target"]
    assert math.isnan(rare.value) and math.isnan(rare.null_mean)
    assert "0.40 of 20 places" in rare.reason and "k must be 50 or more" in rare.reason
    for measure in ("max skew@k", "min skew@k"):
        whole = shallow[measure, "", "dataset target"]
        assert math.isnan(whole.value) and math.isnan(whole.p) and not whole.flagged
        assert whole.reason.startswith("undefined without rare")
    one = math.log(1 / 20 / 0.5)
    assert shallow["skew@k", "rare", "uniform target"].value == pytest.approx(one)
    rare = deep["skew@k", "rare", "dataset target"]
    assert rare.value == pytest.approx(0) and "counted as one" in rare.reason
    assert deep["max skew@k", "", "dataset target"].value == pytest.approx(-math.log(0.98))
    # Counts of nought never stand above the target, whatever k is.
    assert retrieval.skews(np.array([20.0, 0.0]), np.array([0.98, 0.02]))[1] == 0


def test_max_skew_is_over_the_groups_that_have_a_skew() -> None:
    values = ["a"] * 150 + ["b"] * 135 + ["rare"] * 15
    scores = np.random.default_rng(1).normal(size=(300, 1))
    found = evaluate(
        {"retrieval": (["thief"], scores)}, [make_column("g", values)],
        settings=Settings(k=12, n_boot=100, n_permutations=200),
    )  # fmt: skip
    skew = {c.group: c.value for c in found.select("skew@k", reference="dataset target")}
    [largest] = found.select("max skew@k", reference="dataset target")
    assert math.isnan(skew["rare"]) and largest.value == max(skew["a"], skew["b"])
    assert "without rare" in largest.reason and math.isnan(largest.p)  # 15 images: value only


def test_the_report_names_no_group_that_is_absent(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    lines = ["file,perceived_gender,thief,saint"]
    for i in range(400):
        rare = i < 12
        a, b = rng.normal(size=2) - 9.0 * rare
        lines.append(f"{i},{'rare' if rare else 'other'},{a},{b}")
    table = tmp_path / "scores.csv"
    table.write_text("\n".join(lines))
    run = audit_bias(
        None, predictions=table, groups="perceived_gender", probes=["retrieval"], k=20,
        words=["thief", "saint"], out=tmp_path / "run", n_boot=100, n_permutations=200,
    )  # fmt: skip
    text = run.file("report.md").read_text(encoding="utf-8")
    assert "| thief | rare |" not in text and "0.60 of 20 places" in text
    assert "retrieval: nothing was tested" in text


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
