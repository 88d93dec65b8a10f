"""Labels on a toy with known units, abstention, circularity, determinism, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipprobe
from clipprobe.data import ImageRecord
from clipprobe.errors import ConfigError, DataError, UnknownHookPointError, UnsupportedHookError
from clipprobe.neurons.labels import class_logit_recovery, label_units
from clipprobe.neurons.labels.judges import judged_by_tags
from clipprobe.neurons.labels.labelling import fitting_top_k, label_activations
from clipprobe.neurons.labels.validation import halves, validate
from clipprobe.neurons.pooled import PooledActivations

CONCEPTS = ["cat", "dog", "sun", "tree"]
SITE = "vision.blocks.0.mlp.post"


def made(values: np.ndarray, labels: list[str]) -> PooledActivations:
    records = tuple(
        ImageRecord(f"{i:04}", Path("x"), label=label) for i, label in enumerate(labels)
    )
    return PooledActivations(
        values={SITE: values.astype(np.float32)},
        embeddings=np.zeros((len(labels), 2), np.float32),
        records=records,
        failures=(),
        pooled={SITE: "max over tokens"},
        pool="max",
        data={},
    )


@pytest.fixture(scope="module")
def toy() -> PooledActivations:
    """200 images of four concepts; units: cat, dog, sun, tree, noise, constant."""
    rng = np.random.default_rng(0)
    labels = [CONCEPTS[i % 4] for i in range(200)]
    truth = np.array([[label == name for name in CONCEPTS] for label in labels], float)
    planted = 2 * truth + rng.normal(size=truth.shape) * 0.5
    noise = rng.normal(size=(200, 1))
    return made(np.concatenate([planted, noise, np.ones((200, 1))], axis=1), labels)


def test_planted_units_get_their_names_and_noise_gets_none(toy: PooledActivations) -> None:
    found = label_activations(toy, judged_by_tags(toy.records, None, None))
    assert [row.label for row in found.rows] == ["cat", "dog", "sun", "tree", None, None]
    for row in found.rows[:4]:
        assert row.validation.auroc.low > 0.8 and row.validation.auroc.n == found.n_held_out
        assert row.validation.q < 0.001 and not row.reason
    assert found.rows[4].reason and found.rows[4].candidate in CONCEPTS
    assert found.rows[5].reason == "the unit is constant on the choosing images"
    assert found.abstention.value == pytest.approx(2 / 6) and found.family == 6
    assert found.n_choose + found.n_held_out == 200
    assert found.labelled("cat")[0].address == f"{SITE}:0"


def test_units_that_answer_to_nothing_get_no_name(toy: PooledActivations) -> None:
    """Where every unit is noise, a set of them holds any label in at most 5 % of cases."""
    with_label = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        noise = made(rng.normal(size=(200, 20)) ** 3, [record.label for record in toy.records])
        found = label_activations(noise, judged_by_tags(noise.records, None, None), seed=seed)
        with_label += any(row.label is not None for row in found.rows)
    assert with_label <= 3  # P(more) < 0.02 at a true rate of 5 %


def test_the_correction_is_what_holds_noise_back(toy: PooledActivations) -> None:
    """Without it, some of the noise units would keep a name: the check can fail."""
    rng = np.random.default_rng(0)
    present = np.eye(4, dtype=bool)[np.arange(100) % 4]
    noise = rng.normal(size=(100, 120))
    alone = [
        validate(noise[:, [u]], present, np.array([u % 4]), threshold=0.0)[0].accepted
        for u in range(120)
    ]
    assert sum(alone) >= 2
    together = validate(noise, present, np.arange(120) % 4, threshold=0.0)
    assert not any(one.accepted for one in together) and together[0].family == 120


def test_a_higher_threshold_keeps_fewer(toy: PooledActivations) -> None:
    judgement = judged_by_tags(toy.records, None, None)
    strict = label_activations(toy, judgement, threshold=0.999)
    assert all(row.label is None for row in strict.rows)
    assert "0.999" in strict.rows[0].reason


def test_labels_are_scored_on_other_images_than_chosen(toy: PooledActivations) -> None:
    """A unit that is a concept on the choosing half and noise elsewhere has no label."""
    ids = [record.id for record in toy.records]
    choose, held_out = halves(ids, 0)
    assert not set(choose) & set(held_out) and len(choose) == len(held_out) == 100
    values = np.array(toy.values[SITE][:, :1])
    values[held_out] = np.random.default_rng(3).normal(size=(100, 1))
    found = label_activations(
        made(values, [str(r.label) for r in toy.records]), judged_by_tags(toy.records, None, None)
    )
    assert found.rows[0].candidate == "cat" and found.rows[0].label is None


def test_the_model_as_its_own_judge_is_circular_everywhere(clip: Any, pictures: Path) -> None:
    found = label_units(
        clip, pictures, sites=[SITE], concepts=["a cat", "a dog", "the sun"], limit=60
    )
    assert found.circular and found.note.startswith("Circular")
    assert all(row["circular"] for row in found.table())
    assert found.to_json()["circular"] and "itself" in found.summary()["headline"][0]["meaning"]
    assert len(found.rows) == 64 and found.n_choose + found.n_held_out + len(found.failures) == 60


def test_another_load_of_the_same_weights_is_circular_and_another_model_is_not(
    clip: Any, checkpoint: Callable[..., Path], load_tiny: Callable[..., Any], pictures: Path
) -> None:
    options = {"sites": [SITE], "concepts": ["a cat", "a dog", "the sun"], "limit": 24}
    twin = label_units(clip, pictures, judge=clipprobe.load(checkpoint("clip")), **options)
    assert twin.circular
    other = label_units(clip, pictures, judge=load_tiny("siglip"), **options)
    assert not other.circular and other.note == f"Independent judge: {other.judge}."
    assert other.judge == load_tiny("siglip").id and other.judge in other.truth


def test_images_labels_judge_independently(clip: Any, pictures: Path) -> None:
    found = label_units(clip, pictures, sites=["vision.blocks.*.mlp.post"], judge="labels")
    assert not found.circular and found.n_concepts == 3
    assert {row.label for row in found.rows} <= {"red", "green", "blue", None}
    assert any(row.label for row in found.rows)  # red, green and blue pictures are told apart


def test_the_same_seed_gives_the_same_labels(clip: Any, pictures: Path) -> None:
    from clipprobe.runs import jsonio

    def run(seed: int, workers: int) -> str:
        found = label_units(
            clip, pictures, sites=[SITE], judge="labels", seed=seed, workers=workers
        )
        return jsonio.dumps(found.to_json())

    assert run(0, 0) == run(0, 2) != run(1, 2)


def test_class_logits_get_their_class(clip: Any, pictures: Path) -> None:
    found = {(r.scorer, r.circular): r for r in class_logit_recovery(clip, pictures)}
    assert found[("soft_wpmi", True)].published == 0.955
    assert found[("soft_wpmi", True)].top1.n == 3 and len(found) == 13
    assert found[("soft_wpmi", True)].top_k == 50  # twice the 25 of each class


def test_the_scorer_looks_at_a_share_of_few_images() -> None:
    assert fitting_top_k("soft_wpmi", None, 50_000) == 100
    assert fitting_top_k("soft_wpmi", None, 200) == 25
    assert fitting_top_k("wpmi", 10, 10_000) == 10
    assert fitting_top_k("cosine", None, 100) is None


def test_mistakes_are_named(clip: Any, pictures: Path, toy: PooledActivations) -> None:
    with pytest.raises(ConfigError, match="column:NAME"):
        label_units(clip, pictures, judge="people")
    with pytest.raises(ConfigError, match="nobody can judge"):
        label_units(clip, pictures, sites=[SITE], judge="column:tags", limit=8)
    with pytest.raises(DataError, match="at least two"):
        label_units(clip, pictures, sites=[SITE], concepts=["cat"], limit=8)
    with pytest.raises(DataError, match="at least two are needed"):
        label_units(clip, pictures, sites=[SITE], judge="labels", concepts=["red", "x"], limit=20)
    with pytest.raises(UnsupportedHookError, match="text tower"):
        label_units(clip, pictures, sites=["text.blocks.0.mlp.post"])
    with pytest.raises(ConfigError, match="halved"):
        halves(["a", "b"], 0)
    with pytest.raises(ConfigError, match="alpha"):
        validate(np.zeros((9, 1)), np.zeros((9, 2), bool), np.array([0]), alpha=1.5)
    found = label_activations(toy, judged_by_tags(toy.records, None, None))
    with pytest.raises(ConfigError, match="tags have none"):
        label_activations(toy, judged_by_tags(toy.records, None, None), scorer="rank_reorder")
    with pytest.raises(UnknownHookPointError, match="6 units"):
        found.unit(f"{SITE}:6")


def test_the_corrected_end_is_that_of_the_wider_interval() -> None:
    from clipprobe.statistics import auroc_estimate

    rng = np.random.default_rng(0)
    present = np.zeros((80, 2), bool)
    present[:20, 0] = True
    values = rng.normal(size=(80, 5)) + present[:, :1]
    found = validate(values, present, np.zeros(5, int), alpha=0.04)
    n_selected = sum(one.q <= 0.04 for one in found)
    for unit, one in enumerate(found):
        level = 1 - 0.04 * n_selected / 5
        wide = auroc_estimate(values[:, unit], present[:, 0], level=level)
        assert one.low_corrected == pytest.approx(wide.low, abs=1e-12)
