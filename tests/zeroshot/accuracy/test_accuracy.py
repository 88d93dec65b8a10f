"""Accuracy, calibration and diagnostics against hand counts, scikit-learn and planted effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clipprobe.errors import DataError
from clipprobe.statistics import wilson
from clipprobe.zeroshot.accuracy.calibration import (
    best_shares,
    calibration,
    calibration_error,
    fit_temperature,
)
from clipprobe.zeroshot.accuracy.diagnostics import (
    PromptExperiment,
    check_other_names,
    name_effects,
    template_effects,
)
from clipprobe.zeroshot.accuracy.measures import measure, ranks


def test_every_measure_by_hand() -> None:
    logits = np.array([[3, 1, 2], [3, 1, 2], [1, 5, 1], [0, 0, 9]], float)
    labels = np.array([0, 1, 1, 2])
    found = measure(logits, labels)
    assert found.top_1 == wilson(3, 4)
    assert found.top_5 == wilson(4, 4)
    assert found.mean_per_class.value == pytest.approx((1 + 0.5 + 1) / 3)
    assert found.mean_per_class.n == 3
    assert found.recalls[1] == wilson(1, 2)
    assert found.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found.confused() == [(1, 0, 1)]


def test_top_five_and_confusion_agree_with_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix, recall_score, top_k_accuracy_score

    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(400, 12)), rng.integers(0, 12, 400)
    found = measure(logits, labels)
    assert found.top_5.value == pytest.approx(top_k_accuracy_score(labels, logits, k=5))
    chosen = logits.argmax(1)
    assert (found.confusion == confusion_matrix(labels, chosen)).all()
    assert found.mean_per_class.value == pytest.approx(
        recall_score(labels, chosen, average="macro")
    )


def test_of_equal_logits_the_earlier_class_leads() -> None:
    assert ranks(np.zeros((3, 6)), np.array([0, 4, 5])).tolist() == [0, 4, 5]
    assert measure(np.zeros((3, 6)), np.array([0, 4, 5])).top_5.value == pytest.approx(2 / 3)


def test_a_class_without_images_is_undefined_and_out_of_the_mean() -> None:
    found = measure(np.eye(3)[[0, 1]], np.array([0, 1]))
    assert found.mean_per_class.value == 1
    assert not found.recalls[2].defined


def sampled(temperature: float, n: int = 6000, k: int = 5, seed: int = 0) -> tuple[Any, Any]:
    """Labels drawn from the shares of the logits, which are then too sure by ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, k))
    shares = np.exp(logits)
    shares /= shares.sum(1, keepdims=True)
    labels = (shares.cumsum(1) < rng.random((n, 1))).sum(1)
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_recovered(temperature: float) -> None:
    logits, labels = sampled(temperature)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.06)
    found = calibration(logits, labels)
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.error_at_temperature.value < 2.5 * found.floor
    if temperature != 1.0:
        assert found.error.low > 3 * found.floor
        assert found.error.low > found.error_at_temperature.high


@pytest.mark.parametrize(("too_sure", "truth"), [(0.0, 0.0), (0.2, 0.2)])
def test_the_interval_of_the_error_holds_the_truth(too_sure: float, truth: float) -> None:
    """Two classes; a share of 0.95 is right in 0.95 of the images, or in 0.75."""
    rng = np.random.default_rng(0)
    logits = np.log([[0.95, 0.05]]).repeat(120, axis=0)
    covered = 0
    for seed in range(10):
        labels = (rng.random(120) > 0.95 - too_sure).astype(int)
        error = calibration(logits, labels, seed=seed).error
        assert error.low <= error.value <= error.high
        covered += error.low <= truth <= error.high
    assert covered >= 9  # percentiles of a bootstrap hold the first truth in none


def test_the_error_by_hand() -> None:
    share = np.array([0.95, 0.94, 0.62, 0.61])
    right = np.array([1, 1, 0, 1])
    # Two bins: .945 against 1, and .615 against .5, of two images each.
    assert calibration_error(share, right) == pytest.approx((0.055 + 0.115) / 2)
    shares, hits = best_shares(np.log([[0.7, 0.3]]), np.array([1]))
    assert shares[0] == pytest.approx(0.7)
    assert not hits[0]


def planted() -> PromptExperiment:
    """Three classes on axes; template 1 is noise, and class 2's name attracts class 1's images."""
    rng = np.random.default_rng(0)
    axes = np.eye(8)[:3]
    labels = np.arange(3).repeat(80)
    images = axes[labels] + 0.25 * rng.normal(size=(240, 8))
    good = axes.copy()
    good[2] = axes[2] + 1.5 * axes[1]
    bad = rng.normal(size=(3, 8))
    sentences = np.stack([good, bad], axis=1)

    def unit(x: Any) -> Any:
        return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)

    return PromptExperiment(
        images=unit(images), labels=labels, classes=("a", "b", "c"),
        templates=("good {}", "bad {}"), sentences=unit(sentences),
    )  # fmt: skip


def test_the_harmful_template_is_named() -> None:
    effects = {(e.change, e.text): e.difference for e in template_effects(planted())}
    assert effects["without", "bad {}"].low > 0
    assert effects["without", "good {}"].high < 0
    assert effects["alone", "good {}"].value == effects["without", "bad {}"].value
    asked = planted()
    base = asked.right(asked.vectors(asked.sentences)).mean()
    alone = asked.right(asked.sentences[:, 0]).mean()
    assert effects["alone", "good {}"].value == pytest.approx(alone - base)
    assert effects["alone", "good {}"].n == 240


def test_the_attracting_name_is_named_and_a_better_one_recognised() -> None:
    asked = planted()
    alone = PromptExperiment(
        images=asked.images, labels=asked.labels, classes=asked.classes, templates=("good {}",),
        sentences=asked.sentences[:, :1],
    )  # fmt: skip
    better = np.eye(8, dtype=np.float32)[2:3]
    effects = name_effects(alone, {"c": {"sea": better}})
    by = {(e.change, e.text, e.new): e.difference for e in effects}
    assert by["absent", "c", ""].low > 0
    assert by["absent", "a", ""].value < by["absent", "c", ""].value
    assert by["absent", "c", ""].n == 160
    assert by["renamed", "c", "sea"].low > 0
    assert abs(effects[0].difference.value) >= abs(effects[-1].difference.value)
    assert effects[0].to_json()["difference"]["n"] in (160, 240)


def test_other_names_belong_to_classes() -> None:
    assert check_other_names({"a": ["b"]}, ["a"]) == {"a": ("b",)}
    with pytest.raises(DataError, match="'x', which is not one of the 1 classes"):
        check_other_names({"x": ["b"]}, ["a"])
