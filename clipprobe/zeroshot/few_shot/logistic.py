"""Multinomial logistic regression with a ridge, to the optimum and fast, for many strengths.

The probe of the CLIP paper (Radford et al. 2021, arXiv:2103.00020, A.3) and the loss of
scikit-learn: ``||W||^2 / 2 + C * sum of negative log-likelihoods``, intercepts not penalised. It is
minimised in the coordinates of one singular value decomposition of the centred features, which is
exact: what lies outside their span has the optimum 0. L-BFGS is preconditioned by the curvature of
each coordinate, starts on the ray through a given optimum of another ``C``, and searches each line
on the logits, which costs no product with the features. It runs in single precision and is
finished in double.

With two classes the softmax has two weight vectors, and ``C`` here is half of the ``C`` of
scikit-learn, which then fits one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.errors import ConfigError, DataError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
_MEMORY = 8
_MOST_STEPS = 500
_TOLERANCE = 5e-8
"""Newton decrement, halved, relative to the loss, at which a fit stops."""
_PATIENCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A fitted linear classifier, ``logits = features @ weights + intercepts``."""

    weights: Floats
    """``(d, k)``."""
    intercepts: Floats
    """``(k,)``."""
    C: float
    """Inverse strength of the ridge."""
    loss: float
    """Mean over images of what is minimised: ``||W||^2 / (2 C n)`` plus the mean negative
    log-likelihood."""
    steps: int
    """Line searches that the fit took."""

    def logits(self, features: npt.ArrayLike) -> Floats:
        """Of each image and class, ``(n, k)``."""
        found: Floats = np.asarray(features, np.float64) @ self.weights + self.intercepts
        return found


class Regression:
    """Features and labels made ready for fits with any ``C``.

    Args:
        features: ``(n, d)``, finite.
        labels: Class of each image, ``(n,)``, from 0 to ``n_classes - 1``; each occurs.
    Raises:
        DataError: the shapes do not fit, a value is not finite, or a class has no image.
    """

    def __init__(self, features: npt.ArrayLike, labels: Sequence[int] | Array) -> None:
        x = np.asarray(features, np.float64)
        y = np.asarray(labels, np.int64)
        if x.ndim != 2 or y.shape != (len(x),) or not np.isfinite(x).all():
            raise DataError(
                f"A probe needs finite features (n, d) and n labels, but got {x.shape} and "
                f"{y.shape}."
            )
        n_classes = int(y.max()) + 1 if len(y) else 0
        if n_classes < 2 or (np.bincount(y, minlength=n_classes) == 0).any():
            raise DataError("A probe needs at least two classes and an image of each of them.")
        self.n, self.n_classes = len(x), n_classes
        self._mean = x.mean(axis=0)
        columns, self._basis, self.curvature = _coordinates(x - self._mean)
        self._x = np.concatenate([columns, np.ones((self.n, 1))], axis=1)
        self._x32 = self._x.astype(np.float32)
        self._labels = y
        self._found: dict[float, Floats] = {}

    def fit(self, C: float) -> Probe:
        """The optimum for one ``C``, started from the nearest one that was fitted before.

        Raises:
            ConfigError: ``C`` is not a positive number.
        """
        if not (np.isfinite(C) and C > 0):
            raise ConfigError(f"C must be a positive number, but is {C!r}.")
        ridge = np.full((self._x.shape[1], 1), 1.0 / (C * self.n))
        ridge[-1] = 0.0  # the intercepts
        near = min(self._found, key=lambda c: abs(np.log(c / C)), default=None)
        start = np.zeros((self._x.shape[1], self.n_classes)) if near is None else self._found[near]
        labels, curvature = self._labels, self.curvature
        first = _Descent(self._x32, labels, ridge, curvature, start, _TOLERANCE)
        rough = first.run()
        last = _Descent(self._x, labels, ridge, curvature, rough, _TOLERANCE, first.pairs)
        best = last.run()
        self._found[C] = best
        weights = self._basis @ best[:-1]
        return Probe(
            weights=weights,
            intercepts=best[-1] - self._mean @ weights,
            C=C,
            loss=last.loss,
            steps=first.steps + last.steps,
        )


def _coordinates(centred: Floats) -> tuple[Floats, Floats, Floats]:
    """Coordinates ``(n, r)``, their basis ``(d, r)``, and squared singular values over n, with 1
    for the intercepts."""
    n, d = centred.shape
    if n <= d:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        keep = values > max(values[-1], 0.0) * 1e-13 if n else values > 0
        singular = np.sqrt(values[keep])
        columns = vectors[:, keep] * singular
        basis = centred.T @ (vectors[:, keep] / singular)
    else:
        values, basis = np.linalg.eigh(centred.T @ centred)
        keep = values > max(values[-1], 0.0) * 1e-13
        basis = basis[:, keep]
        columns = centred @ basis
    curvature = np.append(values[keep] / n, 1.0)[:, None]
    return columns, basis, curvature


class _Descent:
    """One run of L-BFGS in one precision."""

    def __init__(
        self,
        x: Array,
        labels: Array,
        ridge: Array,
        curvature: Floats,
        start: Floats,
        tolerance: float,
        pairs: Sequence[tuple[Array, Array]] = (),
    ) -> None:
        self.x, self.rows, self.labels = x, np.arange(len(x)), labels
        self.ridge, self.curvature = ridge.astype(x.dtype), curvature.astype(x.dtype)
        self.tolerance = tolerance
        self.w: Array = start.astype(x.dtype)
        self.pairs = [(s.astype(x.dtype), y.astype(x.dtype)) for s, y in pairs]
        self.steps = 0
        self.loss = self.best = np.inf
        self.waited = 0

    def run(self) -> Floats:
        """The minimiser, ``(r + 1, k)``."""
        logits = self.x @ self.w
        residual, likelihood = self._softmax(logits)
        if not self.pairs and self.w.any():  # the optimum of another C has about the right direction
            t, residual, likelihood = self._on_the_ray(logits)
            self.w, logits = self.w * t, logits * t
        before: tuple[Array, Array] | None = None
        while True:
            penalty = self.ridge * self.w
            self.loss = float(np.vdot(penalty, self.w)) / 2 - likelihood
            doubt = -2 * float(residual[self.rows, self.labels].sum())
            spread = (doubt - float(np.vdot(residual, residual))) / residual.size
            gradient = self.x.T @ residual / len(self.x) + penalty
            if before is not None:
                self._remember(before[0], gradient - before[1])
            scale = 1 / (self.ridge + max(spread, 1e-12) * self.curvature)
            direction = -self._newton(gradient, scale)
            slope = float(np.vdot(gradient, direction))
            if -slope / 2 <= self.tolerance * self.loss or self._idle() >= _PATIENCE:
                break
            moved = self.x @ direction
            t, residual, likelihood = self._along(logits, moved, direction, slope)
            step = t * direction
            if t == 0.0 or not (found := self.w + step).any():
                break
            self.w, before = found, (step, gradient)
            logits = logits + t * moved
            self.steps += 1
            if self.steps >= _MOST_STEPS:
                break
        return self.w.astype(np.float64)

    def _idle(self) -> int:
        """Steps since the loss last fell; in single precision its end is noise."""
        if self.loss < self.best * (1 - 1e-9):
            self.best, self.waited = self.loss, 0
        else:
            self.waited += 1
        return self.waited

    def _softmax(self, logits: Array) -> tuple[Array, float]:
        """Softmax minus the labels, and the mean log-likelihood.

        The label's own entry is minus the sum of the others, never ``p - 1``: where ``p`` is nearly
        1 that would lose all digits in single precision.
        """
        residual = logits - logits.max(axis=1, keepdims=True)
        right = residual[self.rows, self.labels]
        np.exp(residual, out=residual)
        own = residual[self.rows, self.labels]
        residual[self.rows, self.labels] = 0
        others = residual.sum(axis=1)
        residual /= (own + others)[:, None]
        residual[self.rows, self.labels] = -others / (own + others)
        return residual, float((right - np.log1p((own - 1) + others)).mean(dtype=np.float64))

    def _along(
        self, logits: Array, moved: Array, direction: Array, slope: float
    ) -> tuple[float, Array, float]:
        """A step after which the slope has nearly vanished, by safeguarded Newton from 1."""
        penalty = self.ridge * direction
        inner, outer = float(np.vdot(penalty, self.w)), float(np.vdot(penalty, direction))
        low, high, t = 0.0, np.inf, 1.0
        for _ in range(10):
            residual, likelihood = self._softmax(logits + t * moved)
            first = float(np.vdot(residual, moved)) / len(moved) + inner + t * outer
            if abs(first) <= 0.5 * abs(slope):
                return t, residual, likelihood
            low, high = (t, high) if first < 0 else (low, t)
            second = self._bend(residual, moved) + outer
            t = _inside(t - first / second if second > 0 else np.inf, low, high, t)
        return (low, *self._softmax(logits + low * moved))

    def _on_the_ray(self, logits: Array) -> tuple[float, Array, float]:
        """The best multiple of the start."""
        outer = float(np.vdot(self.ridge * self.w, self.w))
        low, high, t = 0.0, np.inf, 1.0
        for _ in range(12):
            residual, likelihood = self._softmax(t * logits)
            first = float(np.vdot(residual, logits)) / len(logits) + t * outer
            second = self._bend(residual, logits) + outer
            if abs(first) <= 0.05 * t * second:
                break
            low, high = (t, high) if first < 0 else (low, t)
            t = _inside(t - first / second if second > 0 else np.inf, low, high, t)
        return t, residual, likelihood

    def _bend(self, residual: Array, moved: Array) -> float:
        """Second derivative of the loss along ``moved``: its variance under the softmax."""
        apart = moved - moved[self.rows, self.labels][:, None]
        weighted = residual * apart  # 0 at the label itself
        mean = weighted.sum(axis=1)
        return float(np.vdot(weighted, apart) - np.vdot(mean, mean)) / len(moved)

    def _remember(self, s: Array, y: Array) -> None:
        curved = float(np.vdot(s, y))
        if curved > 1e-10 * float(np.sqrt(np.vdot(s, s) * np.vdot(y, y))):
            self.pairs = [*self.pairs[-(_MEMORY - 1) :], (s, y)]

    def _newton(self, gradient: Array, scale: Array) -> Array:
        """The gradient through the inverse curvature that the last steps have shown."""
        q = gradient.copy()
        used = []
        for s, y in reversed(self.pairs):
            rho = 1 / float(np.vdot(s, y))
            alpha = rho * float(np.vdot(s, q))
            q -= alpha * y
            used.append((s, y, rho, alpha))
        scaled = q * scale
        if self.pairs:
            s, y = self.pairs[-1]
            scaled *= float(np.vdot(s, y)) / float(np.vdot(y, scale * y))
        for s, y, rho, alpha in reversed(used):
            scaled += (alpha - rho * float(np.vdot(y, scaled))) * s
        return scaled


def _inside(step: float, low: float, high: float, last: float) -> float:
    """A Newton step that stays in the bracket and grows at most tenfold."""
    if low < step < high:
        return min(step, 10 * last)
    return (low + high) / 2 if np.isfinite(high) else 4 * last
