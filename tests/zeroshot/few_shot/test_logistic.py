"""The probe against scikit-learn, against Newton's method, and against what can be said by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.few_shot.logistic import Probe, Regression

STRENGTHS = (1e-6, 1e-3, 1.0, 1e2, 1e4, 1e6)


def problem(k: int, shots: int, d: int, *, apart: float, seed: int = 0) -> tuple[Any, Any]:
    """Classes around random centres, directions of falling width, an offset that is not 0."""
    rng = np.random.default_rng(seed)
    widths = 1 / np.sqrt(1 + np.arange(d))
    centres = apart * rng.normal(size=(k, d))
    x = (centres.repeat(shots, 0) + rng.normal(size=(k * shots, d))) * widths + 3
    return x, np.arange(k).repeat(shots)


def loss_of(probe: Any, x: Any, y: Any, C: float) -> float:
    """The loss, written plainly, of weights and intercepts."""
    weights, intercepts = probe
    logits = x @ weights + intercepts
    logits -= logits[np.arange(len(y)), y][:, None]
    others = np.exp(logits)
    others[np.arange(len(y)), y] = 0
    penalty = (weights * weights).sum() / (2 * C * len(x))
    return float(penalty + np.log1p(others.sum(axis=1)).mean())


def optimum(x: Any, y: Any, C: float) -> float:
    """The least loss, by Newton's method with the whole Hessian, to the last digits."""
    n, k = len(x), int(y.max()) + 1
    centred = np.concatenate([x - x.mean(0), np.ones((n, 1))], axis=1)
    d = centred.shape[1]
    ridge = np.full((d, 1), 1 / (C * n))
    ridge[-1] = 0

    def at(w: Any) -> tuple[float, Any]:
        logits = centred @ w
        logits -= logits[np.arange(n), y][:, None]
        top = logits.max(axis=1, keepdims=True)
        p = np.exp(logits - top)
        total = p.sum(axis=1, keepdims=True)
        loss = float((np.log(total[:, 0]) + top[:, 0]).mean())
        return loss + float((ridge * w * w).sum()) / 2, p / total

    w = np.zeros((d, k))
    loss, p = at(w)
    for _ in range(300):
        gradient = centred.T @ (p - np.eye(k)[y]) / n + ridge * w
        hessian = -np.einsum("na,nb,ni,nj->aibj", centred, centred, p, p, optimize=True)
        for i in range(k):
            hessian[:, i, :, i] += np.einsum("na,n,nb->ab", centred, p[:, i], centred)
        hessian = hessian.reshape(d * k, d * k) / n + np.diag(np.repeat(ridge[:, 0], k))
        hessian += 1e-14 * np.eye(d * k)  # the intercepts are free by a constant
        step = np.linalg.lstsq(hessian, gradient.reshape(-1), rcond=None)[0].reshape(d, k)
        if float((step * gradient).sum()) < 1e-11 * loss:
            return loss
        t = 1.0
        while (found := at(w - t * step))[0] > loss and t > 1e-6:
            t /= 2
        w, (loss, p) = w - t * step, found
    raise AssertionError("Newton's method did not end")


@pytest.mark.parametrize("C", STRENGTHS)
@pytest.mark.parametrize("apart", [0.3, 2.0])
def test_the_loss_is_the_least_one(C: float, apart: float) -> None:
    x, y = problem(5, 6, 8, apart=apart)
    probe = Regression(x, y).fit(C)
    least = optimum(x, y, C)
    assert probe.loss - least <= (1e-6 if C <= 1e4 else 1e-5) * least
    assert probe.loss >= least * (1 - 1e-9)
    assert loss_of((probe.weights, probe.intercepts), x, y, C) == pytest.approx(
        probe.loss, rel=1e-9
    )


@pytest.mark.parametrize("shape", [(12, 1, 64), (12, 8, 40), (20, 4, 128)])
@pytest.mark.parametrize("apart", [0.3, 1.5])
def test_never_above_scikit_learn(shape: tuple[int, int, int], apart: float) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = problem(*shape, apart=apart)
    regression = Regression(x, y)
    for C in STRENGTHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(x, y)
        theirs = loss_of((other.coef_.T, other.intercept_), x, y, C)
        assert regression.fit(C).loss <= theirs * (1 + (1e-6 if C <= 1e4 else 1e-5))


def test_the_same_probabilities_as_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = problem(6, 20, 10, apart=0.5)
    other = LogisticRegression(C=0.7, tol=1e-10, max_iter=5000).fit(x, y)
    logits = Regression(x, y).fit(0.7).logits(x)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert np.abs(shares - other.predict_proba(x)).max() < 1e-3
    assert (logits.argmax(1) == other.predict(x)).all()


def test_two_classes_have_half_of_the_strength_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = problem(2, 30, 5, apart=0.3)
    other = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(x, y)
    probe = Regression(x, y).fit(1.0)
    assert np.allclose(probe.weights[:, 1] - probe.weights[:, 0], other.coef_[0], atol=1e-3)


def test_the_order_of_the_fits_does_not_matter() -> None:
    x, y = problem(10, 4, 64, apart=0.5)
    up, down = Regression(x, y), Regression(x, y)
    rising = [up.fit(C).loss for C in STRENGTHS]
    falling = [down.fit(C).loss for C in reversed(STRENGTHS)][::-1]
    assert np.allclose(rising, falling, rtol=2e-6)


def test_no_ridge_to_speak_of_gives_the_shares_of_the_classes() -> None:
    y = np.array([0] * 6 + [1] * 3 + [2])
    x = np.random.default_rng(0).normal(size=(10, 4))
    probe = Regression(x, y).fit(1e-9)
    shares = np.exp(probe.intercepts) / np.exp(probe.intercepts).sum()
    assert np.allclose(shares, [0.6, 0.3, 0.1], atol=1e-3)
    assert np.abs(probe.weights).max() < 1e-6


def test_wrong_input_has_its_sentence() -> None:
    x, y = problem(3, 2, 4, apart=1)
    with pytest.raises(DataError, match="finite features"):
        Regression(np.where(x > 0, np.nan, x), y)
    with pytest.raises(DataError, match="an image of each"):
        Regression(x, y + 1)
    with pytest.raises(ConfigError, match="C must be a positive number"):
        Regression(x, y).fit(0)


def test_equal_images_have_no_direction() -> None:
    probe = Regression(np.ones((4, 3)), [0, 1, 0, 1]).fit(1.0)
    assert isinstance(probe, Probe)
    assert not probe.weights.any()
    assert probe.loss == pytest.approx(np.log(2))
