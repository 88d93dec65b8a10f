"""Metrics of a label: against other libraries, and NeuronEval's two tests of the metrics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import average_precision_score, roc_auc_score

from clipprobe.neurons.labels.metrics import (
    auprc_lift,
    auroc_table,
    average_precision,
    pearson_estimate,
)

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "pearson": lambda values, shown: pearson_estimate(values, shown.astype(float)).value,
    "auprc": average_precision,
    "auroc": lambda values, shown: float(auroc_table(values[:, None], shown[:, None] * 1.0)[0, 0]),
}
N = 2000


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    """100 units that are class logits with noise, of concepts that 0.5 to 20 % of images show."""
    rng = np.random.default_rng(0)
    shares = np.geomspace(0.005, 0.2, 100)
    shown = rng.random((N, 100)) < shares
    shown[:10] = True  # a few of each at least
    return 3 * shown + rng.normal(size=shown.shape), shown


def test_metrics_are_those_of_other_libraries(planted: tuple[np.ndarray, np.ndarray]) -> None:
    values, shown = planted
    values = values.round(1)  # with ties
    table = auroc_table(values[:, :5], shown[:, :5] * 1.0)
    for unit in range(5):
        v, s = values[:, unit], shown[:, unit]
        assert average_precision(v, s) == pytest.approx(average_precision_score(s, v))
        assert auprc_lift(v, s) == pytest.approx(average_precision_score(s, v) / s.mean())
        assert table[unit, unit] == pytest.approx(roc_auc_score(s, v))
        found = pearson_estimate(v, s.astype(float))
        assert found.value == pytest.approx(scipy.stats.pearsonr(v, s).statistic)
    assert np.isnan(average_precision(v, np.zeros(N, bool)))
    assert "constant" in pearson_estimate(np.ones(9), v[:9]).reason


@pytest.mark.parametrize("share", [0.02, 0.3])
@pytest.mark.parametrize(("tail", "most"), [("exponential", 0.05), ("lognormal", 0.1)])
def test_the_interval_of_r_covers_with_long_tails_and_rare_labels(
    tail: str, most: float, share: float
) -> None:
    """2.5 % of lower ends should lie above the truth; a lognormal's tail makes it up to 10 %."""
    rng = np.random.default_rng(1)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        shown = rng.random(n) < share
        return getattr(rng, tail)(size=n) + 2 * shown * rng.random(n), shown.astype(float)

    truth = np.corrcoef(*draw(1_000_000))[0, 1]
    found = [pearson_estimate(*draw(1000)) for _ in range(300)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.9
    assert np.mean([one.low > truth for one in found]) <= most  # the end that decides


def share_of_drops(
    metric: str, planted: tuple[np.ndarray, np.ndarray], damage: Callable[[np.ndarray], np.ndarray]
) -> float:
    """In how many units the score falls by more than .001 when the labels are damaged."""
    values, shown = planted
    score = METRICS[metric]
    drops = [
        score(values[:, unit], shown[:, unit]) - score(values[:, unit], damage(shown[:, unit]))
        for unit in range(values.shape[1])
    ]
    return float(np.mean(np.array(drops) > 0.001))


def missing(shown: np.ndarray) -> np.ndarray:
    """Half of the labels left out."""
    rng = np.random.default_rng(2)
    kept = shown.copy()
    there = np.flatnonzero(shown)
    kept[rng.choice(there, len(there) // 2, replace=False)] = False
    return kept


def added(shown: np.ndarray) -> np.ndarray:
    """As many wrong labels as there are right ones."""
    rng = np.random.default_rng(3)
    more = shown.copy()
    more[rng.choice(np.flatnonzero(~shown), int(shown.sum()), replace=False)] = True
    return more


@pytest.mark.parametrize("damage", [missing, added])
def test_what_decides_falls_when_labels_are_missing_or_added(
    planted: tuple[np.ndarray, np.ndarray], damage: Callable[[np.ndarray], np.ndarray]
) -> None:
    """NeuronEval (arXiv:2506.05774): in more than 90 % of the units."""
    assert share_of_drops("pearson", planted, damage) > 0.9
    assert share_of_drops("auprc", planted, damage) > 0.9


def test_auroc_does_not_notice_missing_labels(planted: tuple[np.ndarray, np.ndarray]) -> None:
    """So it may not decide; and the test above can fail."""
    assert share_of_drops("auroc", planted, missing) < 0.9
    assert share_of_drops("auroc", planted, added) > 0.9
