"""L-BFGS for the loss of a multinomial logistic regression, in the precision of its features.

The start is scaled along its own ray first. Each line is searched on the logits, which costs no
product with the features; the curvature of each coordinate is the preconditioner.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats

Array = npt.NDArray[Any]
_MEMORY = 8
_MOST_STEPS = 500
_PATIENCE = 4


class Labels:
    """The softmax of logits beside the true classes, without loss of digits.

    Where the true class has nearly the whole share, ``p - 1`` would lose all digits in single
    precision: its entry is minus the sum of the others, and differences are taken from its own.
    """

    def __init__(self, labels: Array) -> None:
        self.own = (np.arange(len(labels)), labels)

    def softmax(self, logits: Array) -> tuple[Array, float]:
        """Softmax minus the labels, ``(n, k)``, and the mean log-likelihood."""
        residual = logits - logits.max(axis=1, keepdims=True)
        right = residual[self.own]
        np.exp(residual, out=residual)
        own = residual[self.own]
        residual[self.own] = 0
        others = residual.sum(axis=1)
        residual /= (own + others)[:, None]
        residual[self.own] = -others / (own + others)
        return residual, float((right - np.log1p((own - 1) + others)).mean(dtype=np.float64))

    def spread(self, residual: Array) -> float:
        """Mean of ``p (1 - p)`` over images and classes."""
        doubt = -2 * float(residual[self.own].sum())
        return (doubt - float(np.vdot(residual, residual))) / residual.size

    def bend(self, residual: Array, moved: Array) -> float:
        """Second derivative of the mean loss along ``moved``: its variance under the softmax."""
        apart = moved - moved[self.own][:, None]
        weighted = residual * apart  # 0 at the label itself
        mean = weighted.sum(axis=1)
        return float(np.vdot(weighted, apart) - np.vdot(mean, mean)) / len(moved)

    def curved(self, residual: Array, moved: Array) -> Array:
        """What the Hessian of the loss in the logits makes of ``moved``, ``(n, k)``."""
        apart = moved - moved[self.own][:, None]
        weighted: Array = residual * apart
        weighted -= residual * weighted.sum(axis=1, keepdims=True)
        weighted[self.own] = 0
        weighted[self.own] = -weighted.sum(axis=1)
        return weighted


class Descent:
    """One run of L-BFGS in one precision."""

    def __init__(
        self,
        x: Array,
        labels: Labels,
        ridge: Array,
        curvature: Floats,
        start: Floats,
        tolerance: float,
    ) -> None:
        self.x, self.labels = x, labels
        self.ridge, self.curvature = ridge.astype(x.dtype), curvature.astype(x.dtype)
        self.tolerance = tolerance
        self.w: Array = start.astype(x.dtype)
        self.pairs: list[tuple[Array, Array]] = []
        self.steps = 0
        self.loss = self.best = np.inf
        self.waited = 0

    def run(self) -> Floats:
        """The minimiser, ``(r + 1, k)``."""
        logits = self.x @ self.w
        residual, likelihood = self.labels.softmax(logits)
        if self.w.any():  # another C has about the right direction
            t, residual, likelihood = self._on_the_ray(logits)
            self.w, logits = self.w * t, logits * t
        before: tuple[Array, Array] | None = None
        while True:
            penalty = self.ridge * self.w
            self.loss = float(np.vdot(penalty, self.w)) / 2 - likelihood
            spread = self.labels.spread(residual)
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
            if t == 0.0 or not (candidate := self.w + step).any():
                break
            self.w, before = candidate, (step, gradient)
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

    def _along(
        self, logits: Array, moved: Array, direction: Array, slope: float
    ) -> tuple[float, Array, float]:
        """A step after which the slope has nearly vanished, by safeguarded Newton from 1."""
        penalty = self.ridge * direction
        inner, outer = float(np.vdot(penalty, self.w)), float(np.vdot(penalty, direction))
        low, high, t = 0.0, np.inf, 1.0
        for _ in range(10):
            residual, likelihood = self.labels.softmax(logits + t * moved)
            first = float(np.vdot(residual, moved)) / len(moved) + inner + t * outer
            if abs(first) <= 0.5 * abs(slope):
                return t, residual, likelihood
            low, high = (t, high) if first < 0 else (low, t)
            second = self.labels.bend(residual, moved) + outer
            t = _inside(t - first / second if second > 0 else np.inf, low, high, t)
        return (low, *self.labels.softmax(logits + low * moved))

    def _on_the_ray(self, logits: Array) -> tuple[float, Array, float]:
        """The best multiple of the start."""
        outer = float(np.vdot(self.ridge * self.w, self.w))
        low, high, t = 0.0, np.inf, 1.0
        for _ in range(12):
            residual, likelihood = self.labels.softmax(t * logits)
            first = float(np.vdot(residual, logits)) / len(logits) + t * outer
            second = self.labels.bend(residual, logits) + outer
            if abs(first) <= 0.05 * t * second:
                break
            low, high = (t, high) if first < 0 else (low, t)
            t = _inside(t - first / second if second > 0 else np.inf, low, high, t)
        return t, residual, likelihood

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
