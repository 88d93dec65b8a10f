"""Disaggregated rates equal fairlearn's; corrections and detectable effects equal statsmodels'."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.measures.cells import Key
from attacks.bias.measures.disaggregated import disaggregate
from attacks.bias.measures.evaluation import Answer
from attacks.bias.measures.power import detectable, detectable_d, detectable_rise
from attacks.bias.measures.rates import rate_cells
from attacks.bias.probe import Sample
from attacks.bias.sections.rates import rate_sums
from clipprobe.errors import ConfigError, DataError

fairlearn = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")


def sample(n: int = 600) -> tuple[np.ndarray, dict[str, list[str]]]:
    rng = np.random.default_rng(0)
    race = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    gender = rng.choice(["man", "woman"], n)
    hits = rng.random(n) < 0.2 + 0.2 * (race == "b") + 0.1 * (gender == "woman")
    return hits, {"perceived_race": race.tolist(), "perceived_gender": gender.tolist()}


def test_no_row_of_a_single_image_is_printed() -> None:
    text = repr(disaggregate(*sample()))
    assert "overall=" in text and "hits" not in text and "groups=" not in text


@pytest.mark.parametrize("names", [("perceived_race",), ("perceived_race", "perceived_gender")])
def test_rates_equal_fairlearns(names: tuple[str, ...]) -> None:
    hits, groups = sample()
    chosen = {name: groups[name] for name in names}
    ours = disaggregate(hits, chosen)
    theirs = fairlearn.MetricFrame(
        metrics=fairlearn.selection_rate, y_true=hits, y_pred=hits.astype(int),
        sensitive_features=np.array(list(chosen.values())).T,
    )  # fmt: skip
    assert ours.overall.value == pytest.approx(theirs.overall)
    for key, value in theirs.by_group.items():
        key = key if isinstance(key, tuple) else (key,)
        assert ours.by_group[key].value == pytest.approx(value)
    assert ours.group_min() == pytest.approx(theirs.group_min())
    assert ours.group_max() == pytest.approx(theirs.group_max())
    for method in ("between_groups", "to_overall"):
        assert ours.difference(method) == pytest.approx(theirs.difference(method=method))
        assert ours.ratio(method) == pytest.approx(theirs.ratio(method=method))
    exported = ours.to_fairlearn()
    assert exported.by_group["rate"].to_list() == pytest.approx(theirs.by_group.to_list())
    assert exported.difference()["rate"] == pytest.approx(ours.difference())
    assert len(exported.by_group) == len(ours.by_group)


def test_small_groups_are_counted_and_not_exported() -> None:
    hits = np.resize([True, False, False], 180)
    race = ["a"] * 100 + ["b"] * 60 + ["c"] * 15 + ["d"] * 5
    hits[175:] = True  # a rate of 1 that must not be the largest, nor reach fairlearn
    found = disaggregate(hits, {"perceived_race": race})
    assert sum(rate.n for rate in found.by_group.values()) == 175
    assert found.by_group[("d",)].reason == (
        "insufficient: below 10 images nothing is shown, not even how many"
    )
    assert math.isnan(found.by_group[("d",)].value)
    assert found.by_group[("c",)].reason == "insufficient (n=15) to infer"
    assert found.group_max() < 0.5 and found.overall.n == 175
    assert sorted(found.to_fairlearn().by_group.index) == ["a", "b", "c"]


def test_intersections_are_protected_by_their_margins() -> None:
    race = ["a"] * 60 + ["b"] * 60
    gender = ["man"] * 55 + ["woman"] * 5 + ["man"] * 30 + ["woman"] * 30
    found = disaggregate(
        np.resize([True, False], 120), {"perceived_race": race, "perceived_gender": gender}
    )
    hidden = {key for key, rate in found.by_group.items() if not rate.defined}
    assert ("a", "woman") in hidden and len(hidden) >= 2
    assert any(found.by_group[key].reason.startswith("withheld") for key in hidden)


def test_wrong_input_is_named() -> None:
    with pytest.raises(DataError, match="labels 2 images, but there are outcomes for 3"):
        disaggregate([1, 0, 1], {"g": ["a", "b"]})
    with pytest.raises(DataError, match="one yes or no"):
        disaggregate([0.5, 1], {"g": ["a", "b"]})
    with pytest.raises(ConfigError, match="at least one group column"):
        disaggregate([1, 0], {})
    found = disaggregate(np.resize([1, 0], 80), {"g": ["a", "b"] * 40})
    with pytest.raises(ConfigError, match="between_groups or to_overall"):
        found.ratio("between")


def test_the_reports_sums_equal_fairlearns_and_its_q_equal_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    hits, groups = sample()
    columns = [make_column(name, values) for name, values in groups.items()]
    settings = Settings(n_boot=100, n_permutations=200)
    asked = Sample(columns=tuple(columns), truth={}, clusters=None, settings=settings)
    cells = [
        cell
        for column in columns
        for cell in rate_cells(
            asked.subjects("clip-section-7", column), hits, Key("crime rate"), "set"
        )
    ]
    answer = Answer(cells=tuple(cells), labels=())
    found = evaluate({}, columns, settings=settings, answers={"clip-section-7": answer})
    [by_race, by_gender] = rate_sums(found)
    for row, name in ((by_race, "perceived_race"), (by_gender, "perceived_gender")):
        theirs = fairlearn.MetricFrame(
            metrics=fairlearn.selection_rate, y_true=hits, y_pred=hits.astype(int),
            sensitive_features=groups[name],
        )  # fmt: skip
        assert row["difference"] == pytest.approx(theirs.difference())
        assert row["difference_to_overall"] == pytest.approx(theirs.difference(method="to_overall"))
        assert row["ratio"] == pytest.approx(theirs.ratio())
        assert (row["group_min"], row["group_max"]) == pytest.approx(
            (theirs.group_min(), theirs.group_max())
        )
    tested = [c for c in found.cells if not math.isnan(c.p)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        q = multipletests([c.p for c in tested], method="fdr_bh")[1]
    assert [c.q for c in tested] == pytest.approx(q)
    assert found.family_size == len(tested)


def test_detectable_effects_are_the_textbooks_and_statsmodels() -> None:
    from statsmodels.stats.power import NormalIndPower, TTestIndPower

    for n, rest, alpha in ((30, 30, 0.05), (45, 400, 1e-4), (2000, 9000, 0.05), (10, 12, 1e-4)):
        asked = {"nobs1": n, "alpha": alpha, "power": 0.8, "ratio": rest / n}
        d, freedom = detectable_d(n, rest, alpha), n + rest - 2
        reached = stats.nct.sf(stats.t.isf(alpha / 2, freedom), freedom,
                               d / math.sqrt(1 / n + 1 / rest))  # fmt: skip
        assert reached == pytest.approx(0.8, abs=1e-4)
        if alpha == 0.05:  # at 1e-4 statsmodels' own search stops early, at a power of 0.7
            theirs = float(np.ravel(TTestIndPower().solve_power(**asked))[0])
            assert d == pytest.approx(theirs, rel=1e-3)
        h = float(np.ravel(NormalIndPower().solve_power(**asked))[0])
        if h > math.pi / 2:  # no rise from 50 % is large enough
            assert math.isnan(detectable_rise(0.5, n, rest, alpha))
            continue
        risen = 0.5 + detectable_rise(0.5, n, rest, alpha)
        assert 2 * (math.asin(math.sqrt(risen)) - math.asin(math.sqrt(0.5))) == pytest.approx(
            h, rel=1e-3
        )
    assert detectable_d(64, 64, 0.05) == pytest.approx(0.5, abs=0.005)  # Cohen 1988, table 2.4.1
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    h = z * math.sqrt(1 / 200 + 1 / 300)
    rise = math.sin(math.asin(math.sqrt(0.05)) + h / 2) ** 2 - 0.05
    assert detectable_rise(0.05, 200, 300, 0.05) == pytest.approx(rise, abs=1e-4)
    assert math.isnan(detectable_rise(0.95, 10, 10, 0.001))
    # By simulation: a true effect of that size is found in 80 of 100 samples.
    rng = np.random.default_rng(0)
    d = detectable_d(40, 60, 0.05)
    p = stats.ttest_ind(rng.normal(d, 1, (2000, 40)), rng.normal(0, 1, (2000, 60)), axis=1).pvalue
    assert np.mean(p <= 0.05) == pytest.approx(0.8, abs=0.03)


def test_detectable_effects_of_a_report() -> None:
    column = make_column("perceived_gender", ["man"] * 100 + ["woman"] * 60 + ["other"] * 12)
    found = detectable([column], None, alpha=0.05, family_size=20)
    assert [(one.group, one.alpha) for one in found] == [
        ("man", 0.05), ("man", 0.0025), ("woman", 0.05), ("woman", 0.0025),
    ]  # fmt: skip
    assert found[0].d < found[1].d and found[0].n_reference == 72
    clusters = np.arange(172) // 2
    assert detectable([column], clusters, alpha=0.05, family_size=1)[0].d > found[0].d


@pytest.mark.parametrize("n", [2, 3, 9, 10])
def test_what_has_too_few_clusters_to_be_tested_has_no_detectable_effect(n: int) -> None:
    column = make_column("perceived_gender", ["man", "woman"] * 60)
    clusters = np.arange(120) % (2 * n)  # n on each side
    found = detectable([column], clusters, alpha=0.05, family_size=40)
    assert [(one.n, one.n_reference) for one in found] == ([] if n < 10 else [(10, 10)] * 2)
    assert all(one.d > 1 for one in found)
