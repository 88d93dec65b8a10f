"""Scores, nulls and intervals against the plainest way and against other libraries."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from clipprobe.neurons.multimodality.scoring import scores
from clipprobe.neurons.multimodality.scoring.delong import delong
from clipprobe.neurons.multimodality.scoring.measure import (
    ModalityRows,
    intervals,
    measure,
    strongest,
)
from clipprobe.neurons.multimodality.scoring.nulls import JointNull, concept_p, image_p
from clipprobe.statistics import auroc_estimate, benjamini_hochberg


def drawn(
    counts: list[int], n_units: int, seed: int = 0, ties: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    values = rng.normal(size=(len(codes), n_units)) + 0.3 * codes[:, None]
    if ties:
        values = np.maximum(np.round(values), 0)  # as after a ReLU
    return values.astype(np.float32), codes


@pytest.mark.parametrize("ties", [False, True])
def test_aurocs_are_those_of_scikit_learn(ties: bool) -> None:
    values, codes = drawn([3, 4, 5, 6], 7, ties=ties)
    ranked = scores.rank(values, codes, 4)
    assert ranked.tied.tolist() == [len(np.unique(column)) < len(column) for column in values.T]
    found = scores.aurocs_by_concept(ranked)
    for concept, unit in itertools.product(range(4), range(7)):
        expected = roc_auc_score(codes == concept, values[:, unit])
        assert found[concept, unit] == pytest.approx(expected, abs=1e-12)


def test_strength_is_what_its_definition_says() -> None:
    values, codes = drawn([3, 4, 6], 5, ties=True)
    found = scores.strength(values, codes, 3, top_k=4)
    wide = values.astype(float)
    for concept, unit in itertools.product(range(3), range(5)):
        own, rest = wide[codes == concept, unit], wide[codes != concept, unit]
        gap = own.mean() - rest.mean()
        spread = np.sqrt((own.var(ddof=1) + rest.var(ddof=1)) / 2)
        assert found.dprime[concept, unit] == pytest.approx(gap / spread)
        assert found.response[concept, unit] == pytest.approx(gap / wide[:, unit].std())
        # Purity with ties: the mean over many random orders of equal images.
        k = min(4, len(own))
        rng = np.random.default_rng(1)
        tops = [np.lexsort((rng.random(len(codes)), -wide[:, unit]))[:k] for _ in range(4000)]
        expected = np.mean([(codes[top] == concept).mean() for top in tops])
        assert found.purity[concept, unit] == pytest.approx(expected, abs=0.03)


def test_a_constant_unit_has_no_strength_and_chance_auroc() -> None:
    codes = np.repeat([0, 1, 2], 4)
    values = np.full((12, 1), 3.3, np.float32)
    found = scores.strength(values, codes, 3, top_k=4)
    assert np.isnan(found.dprime).all() and np.isnan(found.response).all()
    assert np.allclose(found.purity, 1 / 3)
    assert (scores.aurocs_by_concept(scores.rank(values, codes, 3)) == 0.5).all()


def test_balance_is_weakest_over_strongest() -> None:
    responses = np.array([[[2.0, 1.0, -1.0, -1.0]], [[1.0, 0.0, 2.0, -2.0]]])
    assert scores.balance(responses)[0, :3].tolist() == [0.5, 0.0, 0.0]
    assert np.isnan(scores.balance(responses)[0, 3])


def min_auroc(parts: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return min(roc_auc_score(labels, values) for values, labels in parts)


@pytest.mark.parametrize("ties", [False, True])
def test_the_image_p_is_that_of_scipy(ties: bool) -> None:
    """One modality at a time by scipy, exactly; the product over modalities is ours."""
    pictures, codes = drawn([3, 3, 3], 4, seed=1, ties=ties)
    words, other = drawn([3, 3, 3], 4, seed=2, ties=ties)
    ranked = [scores.rank(pictures, codes, 3), scores.rank(words, other, 3)]
    score = np.min([scores.aurocs_by_concept(part) for part in ranked], axis=0)
    found = image_p(ranked, score, n_permutations=20_000, seed=0)
    for concept, unit in itertools.product(range(3), range(4)):
        tails = []
        for values, labels in ((pictures, codes), (words, other)):
            own, rest = values[labels == concept, unit], values[labels != concept, unit]
            test = permutation_test(
                (own, rest),
                lambda a, b: roc_auc_score([1] * len(a) + [0] * len(b), [*a, *b]),
                permutation_type="independent",
                n_resamples=np.inf,
                alternative="greater",
            )
            assert len(test.null_distribution) == 84
            tails.append(np.mean(test.null_distribution >= score[concept, unit] - 1e-12))
        assert found[concept, unit] == pytest.approx(np.prod(tails), rel=0.1, abs=0.002)


def test_the_crossed_p_is_the_share_of_all_combinations() -> None:
    """Brute force: every pair of permutations of the two modalities, the score recomputed."""
    pictures, codes = drawn([2, 2, 2], 1, seed=3)
    words, other = drawn([2, 2, 2], 1, seed=4)
    ranked = [scores.rank(pictures, codes, 3), scores.rank(words, other, 3)]
    score = np.min([scores.aurocs_by_concept(part) for part in ranked], axis=0)
    found = image_p(ranked, score, n_permutations=30_000, seed=0)
    places = list(itertools.combinations(range(6), 2))

    def labelled(place: tuple[int, ...]) -> np.ndarray:
        return np.isin(np.arange(6), place)

    null = [
        min_auroc([(pictures[:, 0], labelled(a)), (words[:, 0], labelled(b))])
        for a, b in itertools.product(places, places)
    ]
    for concept in range(3):
        expected = np.mean(np.array(null) >= score[concept, 0] - 1e-12)
        assert found[concept, 0] == pytest.approx(expected, rel=0.06)


def test_the_concept_p_is_the_share_of_all_ways_to_exchange_concepts() -> None:
    rng = np.random.default_rng(5)
    aurocs = rng.random((3, 4, 2)).round(1)  # rounded, so that there are ties
    score = aurocs.min(axis=0)
    found = concept_p(aurocs, score)
    orders = list(itertools.permutations(range(4)))
    for concept, unit in itertools.product(range(4), range(2)):
        null = [
            min(aurocs[m, order[concept], unit] for m, order in enumerate(each))
            for each in itertools.product(orders, repeat=3)
        ]
        expected = np.mean(np.array(null) >= score[concept, unit] - 1e-9)
        assert found[concept, unit] == pytest.approx(expected, abs=1e-12)


def test_the_joint_null_keeps_units_together_and_its_p_is_fair() -> None:
    rng = np.random.default_rng(6)
    aurocs = rng.random((2, 30, 40))
    whole, tiled = (JointNull.empty(2, 30, n=40, seed=1) for _ in range(2))
    whole.update(aurocs)
    tiled.update(aurocs[..., :15])
    tiled.update(aurocs[..., 15:])
    assert np.array_equal(whole.best_unit, tiled.best_unit)
    assert np.array_equal(whole.null, tiled.null) and whole.null.sum() == pytest.approx(30 * 40)
    order = whole.orders[0]
    by_hand = np.minimum(aurocs[0][order[0]], aurocs[1][order[1]]).max(axis=1)
    assert np.array_equal(whole.best_unit[0], by_hand)
    p = whole.best_unit_p(aurocs.min(axis=0).max(axis=1))
    assert 0.3 < p.mean() < 0.7 and (p > 0).all()


def test_intervals_are_those_of_one_at_a_time() -> None:
    values, codes = drawn([3, 4, 1, 6], 30, seed=7, ties=True)
    values[:, 0] = codes == 1  # complete separation
    values[:, 1] = codes != 1
    chosen = np.arange(30) % 4
    chosen[:2] = 1
    low, high = delong(values, codes, chosen, 0.9)
    for unit, concept in enumerate(chosen.tolist()):
        expected = auroc_estimate(values[:, unit], codes == concept, level=0.9)
        assert low[unit] == pytest.approx(expected.low, nan_ok=True, abs=1e-9)
        assert high[unit] == pytest.approx(expected.high, nan_ok=True, abs=1e-9)
    assert np.isnan(low[chosen == 2]).all() and low[0] > 0.5 and high[1] < 0.5


def seen_of(values: np.ndarray, codes: np.ndarray, first: int) -> ModalityRows:
    place = np.array([np.sum(codes[:i] == code) for i, code in enumerate(codes)])
    return ModalityRows(values=values, codes=codes, selects=place < first)


def test_the_concept_is_chosen_on_one_half_and_every_number_is_of_the_other() -> None:
    values, codes = drawn([4] * 5, 6, seed=8)
    seen = {"a": seen_of(values, codes, 2), "b": seen_of(values[::-1].copy(), codes[::-1], 2)}
    found = measure(seen, 5, top_k=2, n_permutations=50, seed=0)
    selects = seen["a"].selects
    changed = values.copy()
    changed[selects] = np.random.default_rng(9).normal(size=(10, 6))
    other = {**seen, "a": ModalityRows(values=changed, codes=codes, selects=selects)}
    again = measure(other, 5, top_k=2, n_permutations=50, seed=0)
    for name in ("score", "aurocs", "dprime", "purity", "p_images", "p_concepts"):
        assert np.array_equal(getattr(found, name), getattr(again, name))
    assert not np.array_equal(found.selection_score, again.selection_score)
    low, high = intervals(seen, found.selected)
    score = found.at("score", found.selected)
    assert low.shape == (2, 6) and (low.min(axis=0) <= score).all()
    assert (high.min(axis=0) >= score).all()


def test_a_unit_that_is_not_finite_is_not_tested() -> None:
    values, codes = drawn([4] * 3, 3, seed=10)
    values[2, 1] = np.nan
    found = measure({"a": seen_of(values, codes, 2)}, 3, top_k=2, n_permutations=20, seed=0)
    assert np.isnan(found.score[:, 1]).all() and np.isnan(found.p_concepts[:, 1]).all()
    assert np.isfinite(found.score[:, [0, 2]]).all()


def test_the_correction_is_that_of_statsmodels() -> None:
    values, codes = drawn([4] * 3, 9, seed=11)
    found = measure({"a": seen_of(values, codes, 2)}, 3, top_k=2, n_permutations=99, seed=0)
    p = np.maximum(found.p_images, found.p_concepts).ravel()
    assert np.allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1])


def test_the_strongest_images_are_in_order_and_ties_go_by_id() -> None:
    part = ModalityRows(
        values=np.array([[1], [3], [3], [2]], np.float32),
        codes=np.zeros(4, np.int64),
        selects=np.zeros(4, bool),
    )
    rows, values = strongest(part, 3)
    assert rows[:, 0].tolist() == [1, 2, 3] and values[:, 0].tolist() == [3, 3, 2]


def test_an_interval_does_not_depend_on_the_units_beside_it() -> None:
    """To the last bit: tiles of another width may hold other units of the same concept."""
    values = np.random.default_rng(3).normal(size=(61, 40)).astype(np.float32)
    codes = np.arange(61) % 3
    together = delong(values, codes, np.zeros(40, np.int64), 0.95)
    for unit in range(40):
        alone = delong(values[:, unit : unit + 1], codes, np.zeros(1, np.int64), 0.95)
        assert (together[0][unit], together[1][unit]) == (alone[0][0], alone[1][0])
