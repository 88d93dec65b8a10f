"""The test finds what was planted and nothing else, and finds nothing in random networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from neurons import planted

import clipprobe
from clipprobe.models import random_twin
from clipprobe.neurons.multimodality import Multimodality, bundled_probes, multimodality
from clipprobe.neurons.multimodality.scoring.measure import ModalityRows, measure
from clipprobe.statistics import benjamini_hochberg
from clipprobe.stimuli import concepts


@pytest.fixture(scope="module")
def found(clip: Any) -> Multimodality:
    toy = planted.planted_clip(clip)
    result = clipprobe.multimodality(
        toy, planted.planted_images(), sites=[planted.SITE], controls=["random_weights"]
    )
    assert isinstance(result, Multimodality)
    return result


def unit_row(found: Multimodality, unit: int) -> dict[str, Any]:
    return next(row for row in found.ranked() if row["unit"] == unit)


def test_only_the_multimodal_unit_scores(found: Multimodality) -> None:
    best = found.ranked(1)[0]
    assert best["unit"] == planted.MULTIMODAL and best["concept"] == planted.TARGET
    assert best["score"] >= 0.95 and best["low"] > 0.6 and best["balance"] > 0.5
    others = (planted.WORD_ONLY, planted.PICTURE_ONLY, planted.CONSTANT, planted.INK)
    for unit in others:
        assert unit_row(found, unit)["score"] <= 0.6, unit
        pair = found.table[(found.table["unit"] == unit) & (found.table["concept"] == "dog")]
        assert float(pair["score"].iloc[0]) <= 0.6, unit


def test_unimodal_units_score_in_their_modality_only(found: Multimodality) -> None:
    """Else the test above would pass with units that respond to nothing."""
    table = found.table[found.table["concept"] == planted.TARGET].set_index("unit")
    assert table.loc[planted.WORD_ONLY, "auroc_word"] >= 0.95
    assert table.loc[planted.PICTURE_ONLY, "auroc_picture"] >= 0.95
    assert table.loc[planted.CONSTANT, "score"] == 0.5
    assert np.isnan(table.loc[planted.CONSTANT, "dprime_word"])
    assert table.loc[planted.WORD_ONLY, "balance"] < 0.3
    assert table.loc[planted.MULTIMODAL, "dprime_drawing"] > 2
    assert table.loc[planted.MULTIMODAL, "purity_drawing"] > 0.9


def test_the_ink_unit_knows_drawings_from_pictures_and_still_scores_nothing(
    clip: Any, found: Multimodality
) -> None:
    images = planted.planted_images(4)
    toy = planted.planted_clip(clip)
    with clipprobe.capture(toy, [f"{planted.SITE}:{planted.INK}"], pool="max") as seen:
        toy.encode_images([*images["cat"]["word"], *images["cat"]["picture"]])
    values = seen[f"{planted.SITE}:{planted.INK}"].numpy()
    assert values[:4].min() > values[4:].max()
    assert unit_row(found, planted.INK)["score"] <= 0.6


def test_the_random_floor_and_the_claims_are_in_the_result(found: Multimodality) -> None:
    assert found.floor is not None and len(found.floor.score) == len(found.units)
    assert found.floor.score.max() < unit_row(found, planted.MULTIMODAL)["score"]
    assert unit_row(found, planted.MULTIMODAL)["floor"] == 0
    assert "cross-tower" in found.claim and found.summary()["claim"] == found.claim
    assert found.family_size == len(found.units) * len(planted.CONCEPTS)
    assert any(f"{found.family_size:,} pairs" in note for note in found.notes)
    assert any("nothing can be significant" in n or "that extreme" in n for n in found.notes)


def test_random_networks_have_at_most_five_percent_significant_units(clip: Any) -> None:
    probes = bundled_probes(per_concept=6, seed=3, concepts=concepts()[:24])
    shares, any_concept, images_only = [], [], []
    for seed in range(20):
        result = multimodality(random_twin(clip, seed=seed), probes, controls=[], seed=seed)
        shares.append(result.n_significant / len(result.units))
        units = result.table.groupby(["site", "unit"], observed=True)
        any_concept.append(float((units["q"].min() <= 0.05).mean()))
        images_only.append(float((units["q_images"].min() <= 0.05).mean()))
    print("selected", np.mean(shares), max(shares), "any", np.mean(any_concept), max(any_concept))
    print("images permuted only, any", np.mean(images_only), max(images_only))
    assert np.mean(shares) <= 0.05 and np.mean(any_concept) <= 0.05
    # The network does tell drawings apart, so the other null would not do: the check can fail.
    assert np.mean(images_only) > np.mean(any_concept)


def simulated(
    seed: int, *, spread: float, shared: float, n_units: int = 60, n_concepts: int = 30
) -> dict[str, ModalityRows]:
    """Units whose answer to a concept has a part per modality, and a part shared by all."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_concepts), 6)
    common = shared * rng.normal(size=(n_concepts, n_units))
    found = {}
    for name in planted.MODALITIES:
        own = spread * rng.normal(size=(n_concepts, n_units))
        values = (common + own)[codes] + rng.normal(size=(len(codes), n_units))
        selects = np.tile(np.arange(6) < 3, n_concepts)
        found[name] = ModalityRows(values=values.astype(np.float32), codes=codes, selects=selects)
    return found


def significant(seen: dict[str, ModalityRows]) -> tuple[float, float]:
    """Share of units with a significant concept: by the headline p, and by images alone."""
    scores = measure(seen, 30, top_k=5, n_permutations=1000, seed=0)
    shares = []
    for p in (np.maximum(scores.p_concepts, scores.p_images), scores.p_images):
        q = benjamini_hochberg(p.ravel()).reshape(p.shape)
        shares.append(float((q <= 0.05).any(axis=0).mean()))
    return shares[0], shares[1]


def test_alike_images_of_a_concept_fool_the_image_null_but_not_the_headline() -> None:
    """20 networks whose units answer to drawings and to words, but not to the same concepts."""
    found = np.array([significant(simulated(seed, spread=2, shared=0)) for seed in range(20)])
    assert found[:, 0].mean() <= 0.05
    assert found[:, 1].mean() > 0.2


def test_independent_images_are_judged_right_by_both() -> None:
    found = np.array([significant(simulated(seed, spread=0, shared=0)) for seed in range(20)])
    assert found.mean(axis=0).max() <= 0.05


def test_shared_concepts_are_found() -> None:
    share, _ = significant(simulated(0, spread=0, shared=4))
    assert share > 0.8
