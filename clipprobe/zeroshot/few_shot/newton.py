"""The last digits of a logistic regression: Newton steps by conjugate gradients.

The gradient is of double precision, the products with the Hessian, which need few digits, of
single. What a step still promises to gain (half of the Newton decrement) is computed, not guessed,
and decides when to stop: L-BFGS alone takes its own estimate for it, which is too small where the
problem is badly conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats
from clipprobe.zeroshot.few_shot.descent import Labels

Array = npt.NDArray[Any]
_MOST_STEPS = 60
_MOST_PRODUCTS = 200
_SHARE = 0.1
"""Of the residual, in the norm of the preconditioner, at which conjugate gradients stop."""


@dataclass
class Newton:
    """One run of Newton's method from a good start."""

    x: Floats
    x32: npt.NDArray[np.float32]
    labels: Labels
    ridge: Floats
    curvature: Floats
    w: Floats
    """Where it starts, and where it is."""
    tolerance: float
    steps: int = 0
    loss: float = np.inf

    def run(self) -> Floats:
        """The minimiser, ``(r + 1, k)``."""
        logits = self.x @ self.w
        residual, loss = self._at(logits, self.w)
        while True:
            self.loss = loss
            gradient = self.x.T @ residual / len(self.x) + self.ridge * self.w
            direction, gain = self._step(gradient, residual)
            if gain <= self.tolerance * loss or self.steps >= _MOST_STEPS:
                return self.w
            moved = self.x @ direction
            t = 1.0
            while True:
                w = self.w + t * direction
                residual, new_loss = self._at(logits + t * moved, w)
                if new_loss <= loss - 0.1 * t * gain:
                    break
                t /= 2
                if t < 1e-4:  # rounding hides what is left
                    return self.w
            logits, self.w, loss = logits + t * moved, w, new_loss
            self.steps += 1

    def _at(self, logits: Floats, w: Floats) -> tuple[Floats, float]:
        residual, likelihood = self.labels.softmax(logits)
        return residual, float(np.vdot(self.ridge * w, w)) / 2 - likelihood

    def _step(self, gradient: Floats, residual: Floats) -> tuple[Floats, float]:
        """A direction, and what the quadratic there gains by it."""
        size = float(np.abs(gradient).max())
        if size == 0.0:
            return np.zeros_like(gradient), 0.0
        spread = max(self.labels.spread(residual), 1e-12)
        scale = (1 / (self.ridge + spread * self.curvature)).astype(np.float32)
        ridge, residual32 = self.ridge.astype(np.float32), residual.astype(np.float32)
        rhs: Array = (-gradient / size).astype(np.float32)
        direction: Array = np.zeros_like(rhs)
        solved: Array = scale * rhs
        first = rho = float(np.vdot(rhs, solved))
        along, gain = solved, 0.0
        for _ in range(_MOST_PRODUCTS):
            product: Array = self.x32.T @ self.labels.curved(residual32, self.x32 @ along)
            product = product / len(self.x) + ridge * along
            curved = float(np.vdot(along, product))
            if curved <= 0:  # rounding
                break
            t = rho / curved
            gain += rho * t / 2
            direction += t * along
            rhs -= t * product
            solved = scale * rhs
            before, rho = rho, float(np.vdot(rhs, solved))
            if rho <= _SHARE**2 * first and rho * t <= 0.1 * gain:
                break
            along = solved + (rho / before) * along
        return direction.astype(np.float64) * size, gain * size * size
