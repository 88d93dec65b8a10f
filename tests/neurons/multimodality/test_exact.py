"""The exact test of a unit's best concept: against scipy, draws, shuffles, and planted units."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from scipy.special import comb
from scipy.stats import hypergeom, kstest

from clipprobe.neurons.multimodality.scoring.exact import (
    best_concept,
    coincidence,
    each_p,
    exact_p,
    shuffled_each_p,
    shuffled_exact_p,
)
from clipprobe.neurons.multimodality.scoring.shuffles import draw_orders
from clipprobe.statistics import benjamini_hochberg

NAMES = ("picture", "drawing", "word")
N_CONCEPTS, N_UNITS = 224, 400


def broad(seed: int, n_units: int = N_UNITS, planted: int = 0, alike: float = 0.0) -> np.ndarray:
    """AUROCs ``(m, c, u)`` of units that respond to many concepts of each modality, unrelated.

    The first ``planted`` units have one concept, which is mostly, not always, their best in each
    modality. Pictures and drawings are ``alike``.
    """
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, N_CONCEPTS, n_units))
    values[0] = (values[0] + alike * values[1]) / np.hypot(1, alike)
    for unit in range(planted):
        values[:, rng.integers(N_CONCEPTS), unit] = rng.normal(3.5, 0.4, 3)
    found: np.ndarray = 1 / (1 + np.exp(-1.5 * values))
    return found


def test_it_is_the_hypergeometric_sum() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 30, (40, 3))
    for (a, b, d), p in zip(sizes.tolist(), coincidence(sizes, 60), strict=True):
        overlap = np.arange(min(a, b) + 1)
        terms = hypergeom.pmf(overlap, 60, a, b) * (1 - comb(60 - overlap, d) / comb(60, d))
        assert p == pytest.approx(terms.sum(), rel=1e-9)
    for a, b in ((7, 9), (1, 1), (30, 12)):
        two = coincidence(np.array([[a, b]]), 30)[0]
        assert two == pytest.approx(1 - hypergeom.pmf(0, 30, a, b), rel=1e-9)
    assert coincidence(np.array([[1, 1, 1]]), 224)[0] == pytest.approx(224.0**-2)
    assert coincidence(np.array([[20, 21, 22]]), 22)[0] == pytest.approx(1)


def test_four_modalities_are_as_draws_say() -> None:
    rng, sizes, n = np.random.default_rng(1), (5, 6, 8, 7), 4000
    hits = [
        bool(set.intersection(*(set(rng.permutation(14)[:k].tolist()) for k in sizes)))
        for _ in range(n)
    ]
    p = coincidence(np.array([sizes]), 14)[0]
    assert abs(np.mean(hits) - p) < 4 * np.sqrt(p * (1 - p) / n)


def test_by_hand() -> None:
    """Three concepts in two modalities: the best, 0.9, is reached by one and by two of them."""
    aurocs = np.array([[0.95, 0.2, 0.3], [0.9, 0.99, 0.1]])[..., None]
    assert best_concept(aurocs).tolist() == [0]
    assert exact_p(aurocs)[0] == pytest.approx(2 / 3)  # one in two of three places
    assert each_p(aurocs)[0] == pytest.approx(2 / 3)  # of two modalities it is the same question
    aurocs[1, 1] = 0.5
    assert exact_p(aurocs)[0] == each_p(aurocs)[0] == pytest.approx(1 / 3)


def test_each_modality_given_the_others_by_hand() -> None:
    """Of 5 concepts the best, 0.8, is reached by 0 and 1; 0 and 1; 0, 2 and 3."""
    aurocs = np.array(
        [[0.9, 0.9, 0.1, 0.2, 0.3], [0.8, 0.9, 0.1, 0.1, 0.2], [0.9, 0.7, 0.9, 0.9, 0.0]]
    )[..., None]
    # The words: 3 of 5 places, 2 of which count, are all missed in 1 of 10 ways. Pictures (and
    # drawings) given the others: 2 of 5 places miss the only one that counts in 6 of 10.
    assert each_p(aurocs)[0] == pytest.approx(max(1 - 1 / 10, 1 - 6 / 10))
    aurocs[2, 3] = 0.1
    assert each_p(aurocs)[0] == pytest.approx(1 - 3 / 10)  # two places miss two others: 3 of 10


def test_p_is_the_share_of_all_shuffles_that_do_as_well() -> None:
    aurocs = broad(2, n_units=1)[:, :30]
    best = reduce(np.minimum, aurocs).max()
    _, orders = draw_orders(NAMES, 30, seed=5, n=4000)
    reached = [
        reduce(np.minimum, (part[o] for part, o in zip(aurocs, order, strict=True))).max() >= best
        for order in orders
    ]
    p = float(exact_p(aurocs)[0])
    assert 0.001 < p < 0.999
    assert abs(np.mean(reached) - p) < 4 * np.sqrt(p * (1 - p) / len(orders))


@pytest.mark.parametrize("moved", range(3))
def test_each_p_is_the_largest_share_of_the_shuffles_of_one_modality(moved: int) -> None:
    aurocs = broad(2, n_units=1, alike=2)[:, :30]
    best = reduce(np.minimum, aurocs).max()
    _, orders = draw_orders(NAMES, 30, seed=5, n=4000)
    reached = []
    for order in orders:
        parts = [one[order[0]] if m == moved else one for m, one in enumerate(aurocs)]
        reached.append(reduce(np.minimum, parts).max() >= best)
    p = float(each_p(aurocs)[0])
    assert np.mean(reached) <= p + 4 * np.sqrt(p * (1 - p) / len(orders))
    if moved == 2:  # pictures and drawings are alike, so the words are the weakest
        assert abs(np.mean(reached) - p) < 4 * np.sqrt(p * (1 - p) / len(orders))


@pytest.mark.parametrize(
    ("shuffled", "test"), [(shuffled_exact_p, exact_p), (shuffled_each_p, each_p)]
)
def test_a_shuffle_is_the_test_on_relabelled_concepts(shuffled: Any, test: Any) -> None:
    aurocs = broad(3, n_units=20)
    one, every = draw_orders(NAMES, N_CONCEPTS, seed=0, n=2)
    for orders in (one, every):
        for p, order in zip(shuffled(aurocs, orders), orders, strict=True):
            relabelled = np.array([part[o] for part, o in zip(aurocs, order, strict=True)])
            assert np.array_equal(p, test(relabelled))


def test_under_the_null_it_is_calibrated() -> None:
    p = exact_p(broad(4, n_units=4000))
    assert 0.04 < (p <= 0.05).mean() < 0.06
    assert kstest(p, "uniform").statistic < 0.06  # discrete, so not exactly uniform


def test_with_everything_shuffled_at_most_5_percent_of_60_runs_find_a_unit() -> None:
    aurocs = broad(6, planted=40, alike=0.5)
    _, orders = draw_orders(NAMES, N_CONCEPTS, seed=7)
    found = [(benjamini_hochberg(p) <= 0.05).any() for p in shuffled_exact_p(aurocs, orders)]
    assert len(found) == 60 and np.mean(found) <= 0.05


@pytest.mark.parametrize(("planted", "least"), [(5, 3.5), (20, 14)])
def test_planted_units_are_found_among_many(planted: int, least: float) -> None:
    hits, false = [], []
    for seed in range(20):
        q = benjamini_hochberg(exact_p(broad(100 + seed, n_units=1000, planted=planted)))
        hits.append((q[:planted] <= 0.05).sum())
        false.append((q[planted:] <= 0.05).sum())
    assert np.mean(hits) >= least
    assert np.sum(false) <= 0.1 * (np.sum(hits) + np.sum(false))


def test_pictures_and_drawings_that_look_alike_help_to_reject_it() -> None:
    """Its limit: the words of these units have nothing to do with the rest."""
    shares = [(exact_p(broad(9, n_units=4000, alike=alike)) <= 0.01).mean() for alike in (0, 2)]
    assert shares[0] < 0.015 and shares[1] > 2 * shares[0]
    each = [(each_p(broad(9, n_units=4000, alike=alike)) <= 0.01).mean() for alike in (0, 2)]
    assert max(each) <= 0.01


def test_with_words_shuffled_only_each_modality_given_the_others_finds_nothing() -> None:
    """Units of one concept, whose pictures and drawings are more alike than the words."""
    aurocs = broad(6, n_units=100, planted=100, alike=2)
    orders, _ = draw_orders(NAMES, N_CONCEPTS, seed=7)
    exact, each = (
        [(benjamini_hochberg(p) <= 0.05).any() for p in shuffled(aurocs, orders)]
        for shuffled in (shuffled_exact_p, shuffled_each_p)
    )
    assert len(each) == 60 and np.mean(each) <= 0.05 and np.mean(exact) > 0.1
    # What the right words find is not lost.
    assert (benjamini_hochberg(each_p(aurocs)) <= 0.05).sum() >= 50


def test_one_modality_can_say_one_in_c_at_best() -> None:
    """Five sharp units among 1,000 pass the test of unrelated modalities, and cannot pass this."""
    aurocs = broad(100, n_units=1000, planted=5)
    p = each_p(aurocs)
    assert p.min() == pytest.approx(1 / N_CONCEPTS)
    assert not (benjamini_hochberg(p) <= 0.05).any()
    assert (benjamini_hochberg(exact_p(aurocs)) <= 0.05).sum() >= 3


def test_an_undefined_auroc_is_an_undefined_p() -> None:
    aurocs = broad(8, n_units=3)
    aurocs[..., 1] = np.nan
    p = exact_p(aurocs)
    assert np.isnan(p).tolist() == np.isnan(each_p(aurocs)).tolist() == [False, True, False]
    assert np.isnan(shuffled_exact_p(aurocs, draw_orders(NAMES, N_CONCEPTS, seed=0, n=1)[0])[0, 1])
