"""Multinomial logistic regression with a ridge, to the optimum and fast, for many strengths.

The probe of the CLIP paper (Radford et al. 2021, arXiv:2103.00020, A.3) and the loss of
scikit-learn: ``||W||^2 / 2 + C * sum of negative log-likelihoods``, intercepts not penalised. It is
minimised in the coordinates of one singular value decomposition of the centred features, which is
exact: what lies outside their span has the optimum 0. L-BFGS in single precision comes close, from
the ray through the optimum of the nearest ``C`` that was fitted before; Newton steps with gradients
in double precision finish, and say how far the optimum can still be.

With two classes the softmax has two weight vectors, and ``C`` here is half of the ``C`` of
scikit-learn, which then fits one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, DataError
from clipprobe.zeroshot.few_shot.descent import Descent, Labels
from clipprobe.zeroshot.few_shot.newton import Newton

Array = npt.NDArray[Any]
_ROUGH = 1e-5
"""What L-BFGS may leave, by its own estimate and relative to the loss."""
_TOLERANCE = 3e-7
"""What may be left in the end: half of the Newton decrement, relative to the loss."""


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
        return np.asarray(features, np.float64) @ self.weights + self.intercepts


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
        self._labels = Labels(y)
        self._optima: dict[float, Floats] = {}
        self.fitted: dict[float, Probe] = {}
        """Every fit, by ``C``."""

    def fit(self, C: float) -> Probe:
        """The optimum for one ``C``, started from the nearest one that was fitted before.

        Raises:
            ConfigError: ``C`` is not a positive number.
        """
        if not (np.isfinite(C) and C > 0):
            raise ConfigError(f"C must be a positive number, but is {C!r}.")
        ridge = np.full((self._x.shape[1], 1), 1.0 / (C * self.n))
        ridge[-1] = 0.0  # the intercepts
        near = min(self._optima, key=lambda c: abs(np.log(c / C)), default=None)
        start = np.zeros((self._x.shape[1], self.n_classes)) if near is None else self._optima[near]
        labels, curvature = self._labels, self.curvature
        first = Descent(self._x32, labels, ridge, curvature, start, _ROUGH)
        rough = first.run()
        last = Newton(self._x, self._x32, labels, ridge, curvature, rough, _TOLERANCE)
        best = last.run()
        self._optima[C] = best
        weights = self._basis @ best[:-1]
        self.fitted[C] = Probe(
            weights=weights,
            intercepts=best[-1] - self._mean @ weights,
            C=C,
            loss=last.loss,
            steps=first.steps + last.steps,
        )
        return self.fitted[C]


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
