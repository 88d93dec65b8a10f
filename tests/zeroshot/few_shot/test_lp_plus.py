"""LP++: its start is zero-shot, its loss never rises, and the bounds it steps by hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.few_shot.lp_plus import fit_lp_plus


def problem(seed: int, k: int = 6, shots: int = 4, d: int = 16, noise: float = 1.0) -> Any:
    rng = np.random.default_rng(seed)
    texts = rng.normal(size=(k, d))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    y = np.arange(k).repeat(shots)
    f = texts[y] + noise * rng.normal(size=(len(y), d)) / d**0.5 + 0.5
    return f / np.linalg.norm(f, axis=1, keepdims=True), y, texts


def test_before_the_first_step_it_is_zero_shot() -> None:
    f, y, texts = problem(0)
    start = fit_lp_plus(f, y, texts, scale=30.0, iterations=0)
    cosines = f @ texts.T
    assert np.array_equal(start.logits(f).argmax(1), cosines.argmax(1))
    assert np.allclose(start.logits(f), 30 * cosines)  # the model's own probabilities
    assert not start.weights.any()


def test_the_first_loss_and_step_by_hand() -> None:
    # Two classes on the axes, one image on the first axis: p = softmax(1, 0).
    f, texts = np.array([[1.0, 0.0]]), np.eye(2)
    one = fit_lp_plus(f, [0], texts, scale=1.0, iterations=1)
    p = np.exp(1) / (np.exp(1) + 1)
    assert one.losses[0] == pytest.approx(-np.log(p))
    # A = diag(1, 0); the step in w is 2 A^+ G with G = (p - 1, 1 - p) on the first axis.
    assert np.allclose(one.weights, [[2 * (1 - p), 0], [-2 * (1 - p), 0]])
    # The curvature bound in alpha is mean(cos^2) / 2 = 1/2 for class 0; class 1 has cosine 0.
    after = np.exp(1 + 2 * (1 - p)) / (np.exp(1 + 2 * (1 - p)) + np.exp(-2 * (1 - p)))
    assert np.allclose(one.alpha, [1 + 2 * (1 - after), 1])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("scale", [1.0, 30.0, 100.0])
def test_the_loss_never_rises(seed: int, scale: float) -> None:
    f, y, texts = problem(seed, shots=1 + seed % 4, noise=0.5 + seed % 3)
    losses = np.array(fit_lp_plus(f, y, texts, scale=scale, iterations=60).losses)
    assert len(losses) == 61
    assert (np.diff(losses) <= 1e-12).all()
    assert losses[-1] < losses[0]


def test_the_bound_of_one_class_is_too_small_for_all_of_them() -> None:
    # The mistake that the joint bound avoids: of k classes at once the curvature reaches 1/2, not
    # the 1/4 of one class. Two classes at even odds attain it.
    p = np.array([0.5, 0.5])
    assert np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))[-1] == pytest.approx(0.5)


def test_the_recipe_of_the_authors_needs_validation_images_and_chooses_an_epoch() -> None:
    f, y, texts = problem(1)
    with pytest.raises(ConfigError, match="give it validation images"):
        fit_lp_plus(f, y, texts, scale=30.0, recipe="authors")
    made = fit_lp_plus(f, y, texts, scale=30.0, recipe="authors", iterations=30, validation=(f, y))
    best = (made.logits(f).argmax(1) == y).mean()
    assert 1 <= made.iteration <= 30
    assert best >= (f @ texts.T).argmax(1).__eq__(y).mean()


def test_wrong_input_has_its_sentence() -> None:
    f, y, texts = problem(2)
    with pytest.raises(DataError, match="features"):
        fit_lp_plus(f, y[:-1], texts, scale=1.0)
    with pytest.raises(DataError, match="outside the 6 classes"):
        fit_lp_plus(f, y + 1, texts, scale=1.0)
    with pytest.raises(ConfigError, match="no recipe 'other'"):
        fit_lp_plus(f, y, texts, scale=1.0, recipe="other")  # type: ignore[arg-type]
