"""Rates, differences and gaps: against scipy, statsmodels and fairlearn, and under no bias."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from attacks.bias.groups.columns import make_column, restrict
from attacks.bias.measures.cells import Key
from attacks.bias.measures.draws import permuted_labels
from attacks.bias.measures.frame import make_frame
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.rates import compare_proportions, rate_cells
from attacks.bias.measures.subjects import Subjects

QUICK = Settings(n_boot=400, n_permutations=400)


def cells_of(values, hits, clusters=None, settings=QUICK):  # type: ignore[no-untyped-def]
    column = make_column("perceived_race", values)
    frame = make_frame(np.zeros((len(values), 1)), column, clusters, settings)
    inside = column.labels >= 0
    subjects = Subjects(frame=frame, probe="p", settings=settings)
    return rate_cells(subjects, np.asarray(hits)[inside], Key("rate"), "i")


def by(cells, measure):  # type: ignore[no-untyped-def]
    return {c.group: c for c in cells if c.measure == measure}


def test_rates_are_fairlearns_and_their_intervals_statsmodels() -> None:
    from fairlearn.metrics import MetricFrame, selection_rate
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import confint_proportions_2indep

    rng = np.random.default_rng(0)
    values = rng.choice(["a", "b", "c"], size=400, p=[0.5, 0.3, 0.2]).tolist()
    hits = rng.random(400) < np.where(np.array(values) == "a", 0.3, 0.15)
    cells = cells_of(values, hits)
    frame = MetricFrame(metrics=selection_rate, y_true=hits, y_pred=hits, sensitive_features=values)
    rates = by(cells, "rate")
    for group, expected in frame.by_group.items():
        cell = rates[group]
        assert cell.value == pytest.approx(expected, abs=1e-12)
        k = round(expected * cell.n)
        assert (cell.low, cell.high) == pytest.approx(
            proportion_confint(k, cell.n, method="wilson")
        )
    assert rates[""].value == pytest.approx(frame.overall)
    gap = by(cells, "rate gap")[""]
    assert gap.value == pytest.approx(frame.difference())
    assert gap.low <= gap.value <= gap.high and 0 < gap.p <= 1
    one = by(cells, "rate difference")["a"]
    inside = np.array(values) == "a"
    x, n, y, m = hits[inside].sum(), inside.sum(), hits[~inside].sum(), (~inside).sum()
    assert one.p == pytest.approx(fisher_exact([[x, n - x], [y, m - y]]).pvalue)
    assert (one.low, one.high) == pytest.approx(
        confint_proportions_2indep(x, n, y, m, method="newcomb")
    )


def test_the_floor_without_clusters_is_that_of_shuffled_labels() -> None:
    values = ["a"] * 60 + ["b"] * 40 + ["c"] * 30
    hits = np.arange(130) % 7 == 0
    gap = by(cells_of(values, hits, settings=Settings(n_permutations=4000)), "rate gap")[""]
    labels = np.repeat([0, 1, 2], [60, 40, 30])
    shuffled = np.concatenate(list(permuted_labels(labels, None, 4000, np.random.default_rng(1))))
    rates = np.stack([((shuffled == g) & hits).sum(axis=1) / (labels == g).sum() for g in range(3)])
    null = np.ptp(rates, axis=0)
    assert gap.null_mean == pytest.approx(null.mean(), abs=0.004)
    assert gap.null_high == pytest.approx(np.percentile(null, 95), abs=0.02)


def test_small_groups_are_named_and_hold_no_number() -> None:
    values = ["a"] * 50 + ["b"] * 20 + ["c"] * 5
    cells = cells_of(values, np.zeros(75, dtype=bool))
    rates = by(cells, "rate")
    assert rates["c"].status == "insufficient" and math.isnan(rates["c"].value)
    assert rates["b"].status == "shown" and math.isnan(rates["b"].low)
    assert rates[""].n == 70  # what is hidden cannot be had by subtraction
    gap = by(cells, "rate gap")[""]
    assert math.isnan(gap.p) and gap.value == 0.0


def test_no_rate_of_nought_is_certain() -> None:
    cells = cells_of(["a"] * 50 + ["b"] * 50, np.zeros(100, dtype=bool))
    assert by(cells, "rate")["a"].high > 0.05
    gap = by(cells, "rate gap")[""]
    assert gap.high > 0.02 and gap.p == 1.0
    assert by(cells, "rate difference")["b"].p == 1.0


def test_copies_of_one_picture_are_no_evidence() -> None:
    """Ten copies of each of 12 images: by image the difference is certain, by cluster not."""
    values = ["a"] * 60 + ["b"] * 60
    clusters = np.repeat(np.arange(12), 10)
    hits = np.isin(clusters, [0, 1, 2, 6])
    plain = by(cells_of(values, hits), "rate difference")["b"]
    clustered = by(cells_of(values, hits, clusters), "rate difference")["b"]
    assert plain.p < 0.001 and math.isnan(clustered.p)  # six clusters a side: no test
    more = np.repeat(np.arange(24), 5)
    hits = np.isin(more, [0, 1, 2, 3, 4, 12])
    plain = by(cells_of(values, hits), "rate difference")["b"]
    clustered = by(cells_of(values, hits, more), "rate difference")["b"]
    assert plain.p < 0.001 < 0.05 < clustered.p
    assert clustered.high - clustered.low > plain.high - plain.low


def test_a_gap_interval_covers_and_a_null_gap_is_rarely_found() -> None:
    rng, covered, found = np.random.default_rng(0), 0, 0
    sizes, true = [80, 60, 50], np.array([0.1, 0.25, 0.4])
    labels = np.repeat(["a", "b", "c"], sizes).tolist()
    for _ in range(60):
        hits = rng.random(190) < np.repeat(true, sizes)
        cell = by(cells_of(labels, hits), "rate gap")[""]
        covered += cell.low <= 0.3 <= cell.high
        level = rng.random(190) < 0.2
        found += by(cells_of(labels, level), "rate gap")[""].p <= 0.05
    assert covered >= 54  # nominal 95 %; the bound is conservative
    assert found <= 8


def test_a_column_over_some_images_hides_what_becomes_too_small() -> None:
    column = make_column("perceived_race", ["a"] * 30 + ["b"] * 12 + ["c"] * 3)
    part = np.ones(45, dtype=bool)
    assert restrict(column, part) is column
    part[30:36] = False
    fewer = restrict(column, part)
    assert fewer.levels == ("a",) and fewer.hidden == ("b", "c")
    assert np.count_nonzero(fewer.labels == 0) == 30


def test_clusters_that_all_agree_leave_a_width() -> None:
    """Twelve drawings a side, never a hit: 0 ± what twelve observations allow, not 0 ± 0."""
    values, clusters = ["a"] * 120 + ["b"] * 120, np.repeat(np.arange(24), 10)
    found = by(cells_of(values, np.zeros(240, bool), clusters), "rate")
    high = proportion_confint(0, 12, method="wilson")[1]
    for group in ("a", "b"):
        assert (found[group].low, found[group].high) == (0, pytest.approx(high))
    assert found[""].high == pytest.approx(proportion_confint(0, 24, method="wilson")[1])
    difference = by(cells_of(values, np.zeros(240, bool), clusters), "rate difference")["b"]
    assert difference.high == pytest.approx(high) and difference.low == pytest.approx(-high)
    gap = next(
        c for c in cells_of(values, np.zeros(240, bool), clusters) if c.measure == "rate gap"
    )
    assert gap.value == 0 and 0.05 < gap.high < 0.5
    # one side without any hit, the other with hits in half of its clusters
    hits = np.isin(clusters, range(12, 18))
    mixed = by(cells_of(values, hits, clusters), "rate difference")["b"]
    assert mixed.low < 0.25 < 0.5 < mixed.high <= 1


def test_a_certain_difference_has_a_p_above_zero() -> None:
    found = compare_proportions(0, 20_000, 20_000, 20_000, 0.95)
    assert 0 < found["p"] < 1e-300
