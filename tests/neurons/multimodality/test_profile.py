"""Profiles of units over concepts: against scipy, planted agreement, and shuffled concepts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from clipprobe.errors import DataError
from clipprobe.neurons.multimodality import bundled_probes
from clipprobe.neurons.multimodality.scoring.profile import (
    count_profiles,
    profile_test,
    run_profiles,
    shuffled_profiles,
)
from clipprobe.neurons.multimodality.scoring.scores import concept_means
from clipprobe.neurons.multimodality.scoring.shuffles import draw_orders
from clipprobe.stimuli import concepts

NAMES = ("picture", "drawing", "word")
N_CONCEPTS, N_UNITS, SHARED = 120, 100, 12


def planted(seed: int, shared: int = SHARED) -> np.ndarray:
    """Profiles ``(m, c, u)``; those of the first units agree, of the others only pictures do."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(3, N_CONCEPTS, N_UNITS))
    common = rng.normal(size=(N_CONCEPTS, N_UNITS))
    own[:2] += common  # picture and drawing look alike in every unit, as in a random network
    own[2, :, :shared] += common[:, :shared]
    return own


def test_it_is_scipys_spearman() -> None:
    profiles = planted(0).round(1)  # with ties
    found = profile_test(profiles)
    assert found.pairs == ((0, 1), (0, 2), (1, 2))
    for number, (a, b) in enumerate(found.pairs):
        for unit in (0, 1, SHARED, N_UNITS - 1):
            known = spearmanr(profiles[a, :, unit], profiles[b, :, unit], alternative="greater")
            assert found.rho[number, unit] == pytest.approx(known.statistic, abs=1e-12)
            assert found.p[number, unit] == pytest.approx(known.pvalue, rel=1e-9)
    assert np.array_equal(found.p_max, found.p.max(axis=0))


def test_means_are_those_of_each_concepts_images() -> None:
    values = np.array([[1, 0], [3, 0], [5, 7]], np.float32)
    assert concept_means(values, np.array([1, 1, 0]), 2).tolist() == [[5, 7], [2, 0]]


def test_units_planted_to_agree_are_found_and_no_pair_alone_is_enough() -> None:
    found = profile_test(planted(1))
    assert (found.q[:SHARED] <= 0.05).sum() >= SHARED - 2
    assert (found.q[SHARED:] <= 0.05).sum() <= 2
    assert (found.p[0] <= 0.01).mean() > 0.8  # picture and drawing, of all units


def test_shuffled_concepts_find_no_unit_in_at_least_95_of_100_runs() -> None:
    profiles = planted(2, shared=N_UNITS)
    assert (profile_test(profiles).q <= 0.05).all()
    for orders in draw_orders(NAMES, N_CONCEPTS, seed=3, n=100):
        q = shuffled_profiles(profiles, orders)
        assert ((q <= 0.05).any(axis=1)).mean() <= 0.05
    right = np.tile(np.arange(N_CONCEPTS), (1, 3, 1))
    assert shuffled_profiles(profiles, right)[0] == pytest.approx(profile_test(profiles).q)


def test_a_count_stands_beside_shuffles_and_the_random_network() -> None:
    count = count_profiles(planted(4), planted(5, shared=0), NAMES, site="here")
    assert SHARED - 2 <= count.n_units <= SHARED + 2 and count.share.n == N_UNITS
    assert count.one_shuffled.mean < 0.5 and count.all_shuffled.mean < 0.5
    assert count.one_shuffled.p == pytest.approx(1 / 61) and count.random.value <= 0.02


def test_a_constant_unit_is_undefined_and_not_counted() -> None:
    profiles = planted(6)
    profiles[2, :, 0] = 4.0
    assert np.isnan(profile_test(profiles).q[0])
    assert count_profiles(profiles, planted(7), NAMES, site="here").share.n == N_UNITS - 1


@pytest.mark.parametrize("shape", [(1, N_CONCEPTS, 3), (3, 5, 3)])
def test_too_few_modalities_or_concepts_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="at least 2 modalities over at least 10 concepts"):
        profile_test(np.zeros(shape))


def test_a_model_runs_beside_its_random_twin(clip: Any) -> None:
    probes = bundled_probes(per_concept=2, concepts=concepts()[:12], size_px=clip.image_size)
    sites = ["vision.blocks.1.resid_post", "vision.blocks.1.mlp.post"]
    found = run_profiles(clip, probes, sites)
    assert [one.site for one in found] == sites
    assert all(one.share.n == one.random.n > 0 for one in found)
    again = run_profiles(clip, probes, {**dict.fromkeys(sites, "cls"), "vision.projected": "none"})
    assert found == again[:2]
    assert again[2:] == run_profiles(clip, probes, ["vision.projected"], pool="none")
