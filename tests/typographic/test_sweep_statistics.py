"""The statistics of a sweep against closed forms, other libraries, and known nulls."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from attacks.typographic.attack.attack import TypographicAttack
from attacks.typographic.sweep.grid import (
    FACTORS,
    Cell,
    Grid,
    build,
    default_levels,
    parse_factors,
)
from attacks.typographic.sweep.smallest import smallest
from attacks.typographic.sweep.trend import monotone_fit, score_test, trend
from attacks.typographic.sweep.worst import extreme, in_every_cell
from clipprobe.errors import ConfigError
from clipprobe.statistics import Estimate


def named(n: int) -> np.ndarray:
    return np.array([f"p{i:04d}" for i in range(n)])


def test_two_levels_are_mcnemar_without_correction() -> None:
    rng = np.random.default_rng(0)
    rows = (rng.random((200, 2)) < [0.4, 0.55]).astype(float)
    z, p, informative = score_test(rows, np.array([0.0, 1.0]))
    b, c = (rows[:, 0] > rows[:, 1]).sum(), (rows[:, 0] < rows[:, 1]).sum()
    peer = mcnemar([[0, b], [c, 0]], exact=False, correction=False)
    assert z**2 == pytest.approx(peer.statistic, rel=1e-12)
    assert p == pytest.approx(peer.pvalue, rel=1e-9) and informative == b + c


def test_the_null_variance_is_that_of_all_permutations() -> None:
    rows = np.array([[0.0, 1, 1], [1, 0, 0], [0, 0, 1], [0.5, 0, 1]])
    scores = np.arange(3.0)
    sums = [
        sum(
            float(np.dot(row[list(order)], scores)) for row, order in zip(rows, orders, strict=True)
        )
        for orders in itertools.product(itertools.permutations(range(3)), repeat=4)
    ]
    z, _, _ = score_test(rows, scores)
    seen = float((rows @ scores).sum())
    assert z == pytest.approx((seen - np.mean(sums)) / np.std(sums), rel=1e-12)


def test_the_trend_test_keeps_its_level_and_finds_a_planted_trend() -> None:
    rng = np.random.default_rng(1)
    alike = [
        trend((rng.random((60, 5)) < rng.random((60, 1))).astype(float), named(60), seed=0)
        for _ in range(400)
    ]
    assert 0.02 < np.mean([found.p < 0.05 for found in alike]) < 0.085
    rising = (rng.random((120, 5)) < np.linspace(0.2, 0.8, 5)).astype(float)
    found = trend(rising, named(120), seed=0)
    assert found.direction == "rises" and found.p < 1e-6 and found.monotone
    assert found.fitted == sorted(found.fitted)
    assert trend(1 - rising, named(120), seed=0).z == pytest.approx(-found.z)


def test_a_step_back_is_seen() -> None:
    rng = np.random.default_rng(2)
    shares = [0.1, 0.8, 0.3, 0.9]
    found = trend((rng.random((200, 4)) < shares).astype(float), named(200), seed=0)
    assert found.direction == "rises" and found.monotone is False
    (step,) = found.steps_back
    assert (step["from"], step["to"]) == (1, 2) and step["holm_p"] < 1e-6
    assert step["change"].high < 0
    assert monotone_fit(np.array([0.1, 0.8, 0.3, 0.9]), True) == pytest.approx(
        [0.1, 0.55, 0.55, 0.9]
    )


def test_what_cannot_be_tested_says_why() -> None:
    flat = trend(np.zeros((30, 3)), named(30), seed=0)
    assert math.isnan(flat.p) and "only 0 of 30 images differ" in flat.reason
    assert trend(np.zeros((30, 1)), named(30), seed=0).reason == "one level only"
    missing = np.array([[0.0, np.nan]] * 5)
    assert trend(missing, named(5), seed=0).n == 0


def test_the_worst_of_equal_cells_is_no_discovery() -> None:
    rng = np.random.default_rng(3)
    p, observed, confirmed = [], [], []
    for seed in range(30):
        rows = (rng.random((150, 20)) < 0.5).astype(float)
        found = extreme(rows, list(range(20)), named(150), lowest=True, seed=seed)
        p.append(found.p)
        observed.append(found.observed.value)
        confirmed.append(found.confirmed.value)
        assert found.floor_bound < found.floor < 0.5
    assert np.mean(np.array(p) < 0.05) < 0.2
    # The chosen minimum is far under the truth of 0.5; what is confirmed is not.
    assert np.mean(observed) < 0.44 and abs(np.mean(confirmed) - 0.5) < 0.03


def test_a_truly_worse_cell_is_found_and_confirmed() -> None:
    rng = np.random.default_rng(4)
    shares = np.full(20, 0.6)
    shares[7] = 0.2
    rows = (rng.random((200, 20)) < shares).astype(float)
    numbers = list(range(100, 120))
    found = extreme(rows, numbers, named(200), lowest=True, seed=0)
    assert found.cell == 107 and found.chosen == (107, 107) and found.p < 0.001
    assert found.confirmed.low < 0.2 < found.confirmed.high
    highest = extreme(1 - rows, numbers, named(200), lowest=False, seed=0)
    assert highest.cell == 107 and highest.observed.value == 1 - found.observed.value
    assert in_every_cell(np.ones((3, 0)), named(3), seed=0).defined is False
    nothing = extreme(np.full((3, 2), np.nan), [0, 1], named(3), lowest=True, seed=0)
    assert nothing.cell == -1 and not nothing.confirmed.defined


def estimate(low: float, high: float) -> Estimate:
    return Estimate(value=(low + high) / 2, low=low, high=high, n=50, method="given")


def sizes(*levels: float) -> Grid:
    return build({"size": levels}, "one-factor", TypographicAttack(word="x"))


def test_the_smallest_size_goes_by_the_ends_of_the_intervals() -> None:
    cells: tuple[Cell, ...] = sizes(0.1, 0.2, 0.3, 0.4).cells
    bounds = [(0.0, 0.2), (0.4, 0.7), (0.55, 0.8), (0.3, 0.6)]
    measures = {i: {"m": estimate(*ends)} for i, ends in enumerate(bounds)}
    found = smallest(cells, measures, "m", 0.5)
    assert (found.value, found.low, found.high, found.n) == (0.3, 0.2, 0.3, 50)
    assert found.reason == "1 of 1 larger size(s) are not shown to work"
    none = smallest(cells, measures, "m", 0.6)
    assert math.isnan(none.value) and "highest lower end is 0.550, at 0.3" in none.reason


def test_grids() -> None:
    base = TypographicAttack(word="x")
    # The base's own size stands on both curves and is one cell.
    grid = build({"size": [0.3, 0.2], "opacity": [1.0, 0.5]}, "one-factor", base)
    assert grid.factors["size"] == (0.2, 0.3) and len(grid.cells) == 3
    assert [[c.number for c in cells] for _, cells in grid.curve("opacity")] == [[2], [0]]
    full = build({"size": [0.2, 0.3], "case": None}, "factorial", base)
    assert len(full.cells) == 2 * 4 and not full.ordered("case") and full.ordered("size")
    noted = TypographicAttack(word="x", background="white")  # a shadow needs what throws it
    for name in FACTORS:  # every setting is swept without levels, or says that it needs some
        try:
            assert len(build([name], "one-factor", noted).cells) >= 2
        except ConfigError as error:
            assert f"--factor {name}=" in str(error)
    assert default_levels("case") == ("as-is", "lower", "upper", "title")
    assert parse_factors(["size=0.1,1", "position=0.5/0.25,top", "outline=none,red", "font"]) == {
        "size": [0.1, 1.0], "position": [(0.5, 0.25), "top"], "outline": [None, "red"],
        "font": None,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="given twice"):
        parse_factors(["size=0.1", "size=0.2"])
