"""Choosing among options by a bilinear score, fitted with a ridge: ``score = a' W b_option``.

Every question about the towers is one of these; only ``a`` and ``b`` differ. ``W`` may have more
entries than there are items by far, so it is never made: with the kernel ``(a_i . a_j)(b_i . b_j)``
the fit has as many unknowns as items times options less one (options matter through their
differences alone).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from clipprobe.arrays import Floats, Ints

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_JITTER = 1e-10


@cache
def contrasts(options: int) -> Floats:
    """Orthonormal columns that are 0 for equal scores, ``(o, o - 1)``, made once; read only."""
    basis = np.linalg.svd(np.eye(options) - 1 / options)[0]
    contrast_basis: Floats = basis[:, : options - 1]
    contrast_basis.setflags(write=False)
    return contrast_basis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """Both sides of a bilinear score."""

    a: Floats
    """Of the item, ``(n, p)``."""
    b: Floats
    """Of each option, ``(n, o, q)``."""
    offset: Floats | None = None
    """A score that may be added in any amount without penalty, ``(n, o)``."""

    def differences(self) -> tuple[Floats, Floats | None]:
        """Contrasts of the options, ``(n, o - 1, q)`` and ``(n, o - 1)``."""
        helmert = contrasts(self.b.shape[1])
        b = np.einsum("noq,oc->ncq", self.b, helmert, optimize=True)
        return b, None if self.offset is None else self.offset @ helmert


def kernel(left: Sides, right: Sides) -> Floats:
    """Inner products of all contrasts, ``(n (o - 1), m (o - 1))``."""
    (b, u), (other, v) = left.differences(), right.differences()
    n, c, q = b.shape
    m = len(other)
    inner = b.reshape(n * c, q) @ other.reshape(m * c, q).T
    items = (left.a @ right.a.T)[:, None, :, None]
    block: Floats = (inner.reshape(n, c, m, c) * items).reshape(n * c, m * c)
    if u is not None and v is not None:
        # A penalty of one part in 10,000 of the others' is none.
        block = block + 1e4 * np.outer(u.reshape(-1), v.reshape(-1))
    return block


def fit_scores(train: Sides, truth: Ints, ridge: float, test: Sides) -> Floats:
    """Scores of the options of test items, ``(m, o)``, by the fit on the training items."""
    fit = _Fit(train, truth)
    return fit.scores(ridge, fit.between(test))


class _Fit:
    """One training set, and fits with several ridges."""

    def __init__(self, train: Sides, truth: Ints) -> None:
        self.train = train
        self.helmert = contrasts(train.b.shape[1])
        self.truth = truth
        gram = kernel(train, train)
        self.scale = max(float(np.trace(gram)) / len(gram), 1e-12)
        gram[np.diag_indices_from(gram)] += _JITTER * self.scale + 1e-12
        self.gram = gram
        self.root = np.linalg.cholesky(gram)
        self.start = np.zeros(len(gram))

    def between(self, test: Sides) -> Floats:
        """The kernel of test items with those of the fit, which no ridge changes."""
        return kernel(test, self.train)

    def scores(self, ridge: float, between: Floats) -> Floats:
        """Of test items at one ridge, relative to the mean size of the features."""
        from scipy.linalg import solve_triangular
        from scipy.optimize import minimize

        n, c = len(self.truth), self.helmert.shape[1]
        rows = np.arange(n)
        weight = ridge / self.scale

        def loss(w: Floats) -> tuple[float, Floats]:
            logits = (self.root @ w).reshape(n, c) @ self.helmert.T
            logits = logits - logits.max(axis=1, keepdims=True)
            shares = np.exp(logits)
            total = shares.sum(axis=1, keepdims=True)
            value = float((np.log(total[:, 0]) - logits[rows, self.truth]).mean())
            shares /= total
            shares[rows, self.truth] -= 1
            slope = self.root.T @ (shares @ self.helmert).reshape(-1) / n
            return value + weight * float(w @ w) / 2, slope + weight * w

        optimum = minimize(
            loss, self.start, jac=True, method="L-BFGS-B",
            options={"maxiter": 200, "ftol": 1e-9, "gtol": 1e-6},
        )  # fmt: skip
        self.start = optimum.x
        alpha = solve_triangular(self.root, optimum.x, lower=True, trans="T")
        scores: Floats = (between @ alpha).reshape(-1, c) @ self.helmert.T
        return scores


def choose_ridge(train: Sides, truth: Ints, check: Sides, check_truth: Ints) -> float:
    """The ridge with the least cross-entropy on items that did not fit it."""
    fit = _Fit(train, truth)
    between, losses = fit.between(check), []
    for ridge in sorted(RIDGES, reverse=True):
        scores = fit.scores(ridge, between)
        top = scores.max(axis=1)
        total = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
        losses.append(float((total - scores[np.arange(len(scores)), check_truth]).mean()))
    return sorted(RIDGES, reverse=True)[int(np.argmin(losses))]
