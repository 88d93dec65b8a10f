"""A unit as a weighted sum of a few concepts: linear explanations.

Oikarinen & Weng 2024, "Linear Explanations for Individual Neurons", ICML, arXiv:2405.06855: units
respond to several things, and a sum of a few concepts predicts them better than any single one.
Concepts are added one at a time, each the one that lowers the squared error most together with
those before (orthogonal matching pursuit), as long as the Bayesian information criterion falls, so
a unit may get fewer than asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clipprobe.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """``columns``: concepts by index, in order of choice. ``weights``: of each, per unit of what
    the judge says. ``offset``: the activation where all are 0."""

    columns: tuple[int, ...]
    weights: tuple[float, ...]
    offset: float

    def predicted(self, judgements: Floats) -> Floats:
        """``(n,)`` activations for what a judge says, ``(n, c)``."""
        predicted: Floats = judgements[:, list(self.columns)] @ np.array(self.weights) + self.offset
        return predicted


def explain_all(values: Floats, judgements: Floats, n_terms: int) -> list[Explanation]:
    """Explain every unit of ``(n, u)`` by at most ``n_terms`` of the concepts ``(n, c)``."""
    centre, means = judgements.mean(axis=0), values.mean(axis=0)
    x, y = judgements - centre, values - means
    gram, products, squares = x.T @ x, x.T @ y, (y**2).sum(axis=0)
    explanations = []
    for unit in range(values.shape[1]):
        columns, weights = _pursuit(gram, products[:, unit], float(squares[unit]), len(x), n_terms)
        offset = float(means[unit] - centre[columns] @ weights)
        explanations.append(
            Explanation(columns=tuple(columns), weights=tuple(weights.tolist()), offset=offset)
        )
    return explanations


def _pursuit(
    gram: Floats, product: Floats, square: float, n: int, n_terms: int
) -> tuple[list[int], Floats]:
    """Columns and weights, from inner products alone, so the images are read once for all units."""
    columns: list[int] = []
    weights: Floats = np.zeros(0)
    diagonal = np.diag(gram)
    best = math.inf
    for _ in range(n_terms):
        # Of each column, what the chosen ones do not explain; of the unit, likewise.
        shared = np.linalg.solve(gram[np.ix_(columns, columns)], gram[columns])
        left = diagonal - (gram[:, columns] * shared.T).sum(axis=1)
        rest = product - gram[:, columns] @ weights
        usable = left > 1e-9 * diagonal.max(initial=0)
        gain = np.where(usable, rest**2 / np.where(usable, left, 1), 0.0)
        gain[columns] = 0  # within rounding
        column = int(gain.argmax())
        if not gain[column] > 1e-12 * square:
            break
        trial = [*columns, column]
        fitted = np.linalg.solve(gram[np.ix_(trial, trial)], product[trial])
        error = max(square - float(product[trial] @ fitted), 1e-12 * square)
        value = n * math.log(error / n) + len(trial) * math.log(n)
        if value >= best:
            break
        columns, weights, best = trial, fitted.astype(np.float64), value
    return columns, weights
