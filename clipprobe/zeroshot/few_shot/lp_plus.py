"""LP++: a linear probe that starts from the class texts and blends them in (Huang et al. 2024).

``logits_k = f . (w_k + alpha_k t_k)`` with unit image vectors ``f`` and unit text vectors ``t``;
the mean cross-entropy of the shots is lowered in ``w`` and ``alpha`` (arXiv:2404.02285). There is
no penalty, so where the shots can be separated the loss has no minimum: start, steps and number of
iterations are part of the method and are stated with every result.

Two recipes: ``"blocks"`` steps in ``w``, then in ``alpha``, each with the inverse of a bound on the
curvature of *all* classes together (the softmax Hessian is at most 1/2 of the identity), so its
loss never rises. ``"authors"`` is what the authors' program does (stochastic steps with momentum,
the bound of a single class, the epoch chosen on validation images) and promises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError, DataError

Recipe = Literal["blocks", "authors"]
_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LPPlus:
    """A fitted LP++."""

    weights: Floats
    """``w``, ``(k, d)``."""
    alpha: Floats
    """How much of each class text is blended in, ``(k,)``."""
    texts: Floats
    """Unit text vectors, ``(k, d)``."""
    losses: tuple[float, ...]
    """Mean cross-entropy of the shots before the first step and after each iteration."""
    iteration: int
    """The iteration whose weights these are."""

    def logits(self, features: npt.ArrayLike) -> Floats:
        """Of each image and class, ``(n, k)``."""
        vectors = self.weights + self.alpha[:, None] * self.texts
        return np.asarray(features, np.float64) @ vectors.T


def fit_lp_plus(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    texts: npt.ArrayLike,
    *,
    scale: float,
    iterations: int = 100,
    recipe: Recipe = "blocks",
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    seed: int = 0,
) -> LPPlus:
    """Fit LP++ from ``w = 0`` and ``alpha = scale``, which is zero-shot.

    Args:
        features: Unit image vectors of the shots, ``(n, d)``.
        labels: Their classes, ``(n,)``.
        texts: Unit text vectors of the classes, ``(k, d)``.
        scale: The model's logit scale: where ``alpha`` starts.
        iterations: Steps in ``w`` and ``alpha``; of ``"authors"``, epochs.
        recipe: See the module's docstring.
        validation: Vectors and labels that choose the epoch of ``"authors"``.
        seed: Of the order of the shots of ``"authors"``.
    Raises:
        DataError: the shapes do not fit.
        ConfigError: no such recipe, or ``"authors"`` without validation images.
    """
    f, t = np.asarray(features, np.float64), np.asarray(texts, np.float64)
    y = np.asarray(labels, np.int64)
    if f.ndim != 2 or t.ndim != 2 or f.shape[1] != t.shape[1] or y.shape != (len(f),) or not len(f):
        raise DataError(
            f"LP++ needs features (n, d), n labels and texts (k, d), but got {f.shape}, {y.shape} "
            f"and {t.shape}."
        )
    if y.min() < 0 or y.max() >= len(t):
        raise DataError(f"A label of the shots lies outside the {len(t)} classes.")
    if recipe == "blocks":
        return _blocks(f, y, t, scale, iterations)
    if recipe != "authors":
        raise ConfigError(f"LP++ has no recipe {recipe!r}: choose 'blocks' or 'authors'.")
    if validation is None:
        raise ConfigError("The authors' recipe chooses its epoch: give it validation images.")
    held_out = (np.asarray(validation[0], np.float64), np.asarray(validation[1], np.int64))
    return _authors(f, y, t, scale, iterations, held_out, np.random.default_rng(seed))


def _blocks(f: Floats, y: Any, t: Floats, scale: float, iterations: int) -> LPPlus:
    """Full-matrix steps ``2 A^+ G`` in ``w``, with ``A = F'F / n``, then diagonal ones in alpha."""
    n = len(f)
    inverse = np.linalg.pinv(f.T @ f / n, hermitian=True)
    cosines, steps, w, alpha = _start(f, t, scale, 2.0)
    slope, loss = _residual(f @ w.T + cosines * alpha, y)
    losses = [loss]
    for _ in range(iterations):
        w = w - 2 * (slope.T @ f / n) @ inverse
        slope, _ = _residual(f @ w.T + cosines * alpha, y)
        alpha = alpha - steps * (slope * cosines).mean(axis=0)
        slope, loss = _residual(f @ w.T + cosines * alpha, y)
        losses.append(loss)
    return LPPlus(weights=w, alpha=alpha, texts=t, losses=tuple(losses), iteration=iterations)


def _authors(
    f: Floats,
    y: Any,
    t: Floats,
    scale: float,
    epochs: int,
    validation: tuple[Floats, Any],
    rng: np.random.Generator,
) -> LPPlus:
    """Momentum .9, step ``4 / lambda_max(A)``, alpha every tenth epoch, the epoch chosen."""
    n = len(f)
    step = 4 / float(np.linalg.eigvalsh(f.T @ f / n)[-1])
    cosines, alpha_steps, w, alpha = _start(f, t, scale, 4.0)
    momentum = np.zeros_like(w)
    losses = [_residual(cosines * alpha, y)[1]]
    best: tuple[float, int, Floats, Floats] = (-1.0, 0, w, alpha)
    for epoch in range(1, epochs + 1):
        order = rng.permutation(n)
        for start in range(0, n, _BATCH):
            rows = order[start : start + _BATCH]
            slope, _ = _residual(f[rows] @ w.T + cosines[rows] * alpha, y[rows])
            momentum = 0.9 * momentum + slope.T @ f[rows] / len(rows)
            w = w - step * momentum
        if epoch % 10 == 0:
            slope, _ = _residual(f @ w.T + cosines * alpha, y)
            alpha = alpha - alpha_steps * (slope * cosines).mean(axis=0)
        losses.append(_residual(f @ w.T + cosines * alpha, y)[1])
        predicted = (validation[0] @ (w + alpha[:, None] * t).T).argmax(axis=1)
        right = float((predicted == validation[1]).mean())
        if right > best[0]:  # of equal epochs the first
            best = (right, epoch, w, alpha)
    _, epoch, w, alpha = best
    return LPPlus(weights=w, alpha=alpha, texts=t, losses=tuple(losses), iteration=epoch)


def _start(f: Floats, t: Floats, scale: float, gain: float) -> tuple[Floats, ...]:
    """Cosines of the shots, steps of alpha, ``w`` and alpha."""
    cosines = f @ t.T
    curvature = (cosines * cosines).mean(axis=0)
    steps = np.divide(gain, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    return cosines, steps, np.zeros_like(t), np.full(len(t), float(scale))


def _residual(logits: Floats, y: Any) -> tuple[Floats, float]:
    """The softmax less the labels, and the mean cross-entropy."""
    own = (np.arange(len(y)), y)
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares: Floats = np.exp(shifted)
    total = shares.sum(axis=1, keepdims=True)
    loss = float((np.log(total[:, 0]) - shifted[own]).mean())
    shares /= total
    shares[own] -= 1
    return shares, loss
