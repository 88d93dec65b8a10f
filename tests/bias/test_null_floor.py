"""The null floor: what chance alone gives, against exact values and published label counts."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import hypergeom

from attacks.bias import Settings, evaluate, make_column
from attacks.bias.measures.subjects import floor

FAIRFACE = Path(__file__).parents[3] / "shared/data/fairface/fairface_label_val.csv"


def test_the_floor_of_two_groups_is_hypergeometric() -> None:
    n, k, women = 200, 20, 80
    column = make_column("perceived_gender", ["woman"] * women + ["man"] * (n - women))
    scores = np.random.default_rng(0).normal(size=(n, 1))
    found = evaluate(
        {"occupations": (["pilot"], scores)},
        [column],
        settings=Settings(k=k, n_boot=200, n_permutations=20_000),
    )
    counts = np.arange(k + 1)
    chance = hypergeom(n, women, k).pmf(counts)
    for target, share in (("dataset", women / n), ("uniform", 0.5)):
        over = np.log(np.maximum(counts, 1) / k / share)
        under = np.log(np.maximum(k - counts, 1) / k / (1 - share))
        cell = found.select("max skew@k", reference=f"{target} target")[0]
        assert cell.null_mean == pytest.approx(float(chance @ np.maximum(over, under)), abs=0.005)
        assert cell.excess == pytest.approx(cell.value - cell.null_mean)
        cell = found.select("min skew@k", reference=f"{target} target")[0]
        assert cell.null_mean == pytest.approx(float(chance @ np.minimum(over, under)), abs=0.01)


def test_ties_have_no_excess_and_bias_has() -> None:
    column = make_column("perceived_gender", ["woman", "man"] * 100)
    tied = np.zeros((200, 1))
    biased = (column.labels == 0).astype(float)[:, None] + 1e-3 * np.arange(200)[:, None]
    chosen = Settings(k=100, n_boot=200, n_permutations=500)
    found = evaluate(
        {"occupations": (["same", "split"], np.hstack([tied, biased]))}, [column], settings=chosen
    )
    same, split = found.select("max skew@k", reference="dataset target")
    assert same.value == pytest.approx(0) and same.excess == pytest.approx(0)
    assert same.p == 1.0 and not same.flagged
    assert split.value == pytest.approx(math.log(2)) and split.flagged
    assert split.null_high < 0.2 < split.excess
    same, split = found.select("ndkl", reference="dataset target")
    assert same.value == pytest.approx(0, abs=1e-12) and same.excess == pytest.approx(0, abs=1e-12)
    assert split.value > 5 * split.null_high
    d = found.select("association d")[0]
    assert math.isnan(d.value) and d.reason == "all images have the same cosine" and not d.flagged


@pytest.mark.slow
@pytest.mark.skipif(not FAIRFACE.is_file(), reason="the FairFace labels are not beside the project")
@pytest.mark.parametrize(
    ("name", "floors"),
    [
        ("gender", {"dataset": (0.023, 0.056)}),
        ("race", {"dataset": (0.106, 0.178), "uniform": (0.286, 0.390)}),
        ("age", {"dataset": (0.201, None), "uniform": (0.996, 1.076)}),
    ],
)
def test_the_published_floors_of_fairface(
    name: str, floors: dict[str, tuple[float, float | None]]
) -> None:
    """MaxSkew@1000 of a ranking without any bias: most of what is printed about age and race."""
    with FAIRFACE.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    column = make_column(name, [row[name] for row in rows])
    found = evaluate(
        {"occupations": (["pilot"], np.random.default_rng(1).normal(size=(len(rows), 1)))},
        [column],
        settings=Settings(k=1000, n_boot=100, n_permutations=600),
    )
    for target, (mean, high) in floors.items():
        cell = found.select("max skew@k", reference=f"{target} target")[0]
        assert cell.null_mean == pytest.approx(mean, abs=0.02)
        # The 95th percentile of age jumps by 0.06 with one image of its smallest group.
        assert high is None or cell.null_high == pytest.approx(high, abs=0.02)


def test_an_excess_of_nothing_is_printed_as_0() -> None:
    """Where every draw is the value itself its mean is off in the last bits."""
    value = float(np.log(1.3))
    cells = floor(value, np.full(999, value))
    assert np.full(999, value).mean() != value and cells["excess"] == 0.0
    assert floor(0.5, np.zeros(9))["excess"] == 0.5
