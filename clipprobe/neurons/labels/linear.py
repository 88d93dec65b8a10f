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
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Explanation:
    """``columns``: concepts by index, in order of choice. ``weights``: of each, per unit of what
    the judge says. ``offset``: the activation where all are 0."""

    columns: tuple[int, ...]
    weights: tuple[float, ...]
    offset: float

    def predicted(self, judged: Floats) -> Floats:
        """``(n,)`` activations for what a judge says, ``(n, c)``."""
        predicted: Floats = judged[:, list(self.columns)] @ np.array(self.weights) + self.offset
        return predicted


def explain_all(values: Floats, judged: Floats, n_terms: int) -> list[Explanation]:
    """Explain every unit of ``(n, u)`` by at most ``n_terms`` of the concepts ``(n, c)``."""
    centre, means = judged.mean(axis=0), values.mean(axis=0)
    x, y = judged - centre, values - means
    gram, products, squares = x.T @ x, x.T @ y, (y**2).sum(axis=0)
    found = []
    for unit in range(values.shape[1]):
        columns, weights = _pursuit(gram, products[:, unit], float(squares[unit]), len(x), n_terms)
        offset = float(means[unit] - centre[columns] @ weights)
        found.append(
            Explanation(columns=tuple(columns), weights=tuple(weights.tolist()), offset=offset)
        )
    return found


def _pursuit(
    gram: Floats, product: Floats, square: float, n: int, n_terms: int
) -> tuple[list[int], Floats]:
    """Columns and weights, from inner products alone, so the images are read once for all units."""
    chosen: list[int] = []
    weights: Floats = np.zeros(0)
    diagonal = np.diag(gram)
    best = math.inf
    for _ in range(n_terms):
        # Of each column, what the chosen ones do not explain; of the unit, likewise.
        shared = np.linalg.solve(gram[np.ix_(chosen, chosen)], gram[chosen])
        left = diagonal - (gram[:, chosen] * shared.T).sum(axis=1)
        rest = product - gram[:, chosen] @ weights
        usable = left > 1e-9 * diagonal.max(initial=0)
        gain = np.where(usable, rest**2 / np.where(usable, left, 1), 0.0)
        gain[chosen] = 0  # within rounding
        column = int(gain.argmax())
        if not gain[column] > 1e-12 * square:
            break
        tried = [*chosen, column]
        fitted = np.linalg.solve(gram[np.ix_(tried, tried)], product[tried])
        error = max(square - float(product[tried] @ fitted), 1e-12 * square)
        value = n * math.log(error / n) + len(tried) * math.log(n)
        if value >= best:
            break
        chosen, weights, best = tried, fitted.astype(np.float64), value
    return chosen, weights
