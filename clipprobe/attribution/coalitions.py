"""Random and exhaustive sets of players, and the order-2 fit of a set function under them.

Every player (a patch, a word) is in a coalition with probability p, independently. The best fit of
order 2 under that distribution (the p-weighted Banzhaf values) has as its coefficients the expected
differences ``a_i = E[D_i f]`` and ``a_ij = E[D_ij f]``, because the centred indicators ``x_i - p``
are orthogonal. Over all coalitions they are exact sums; from a sample they are a least-squares fit,
or covariances where the sample is small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.errors import ConfigError

_RIDGE = 1e-6
_ROWS_PER_PLAYER = 1.5
"""Least squares are used where there are that many sets per player, a set and its complement
counting once; with fewer, plain covariances."""


@dataclass(frozen=True, slots=True, eq=False)
class Coalitions:
    """Sets of players."""

    members: NDArray[np.bool_]
    """``(m, n)`` bool."""
    weights: Floats
    """``(m,)``, sum 1."""
    p: float
    """Probability of each player."""
    exhaustive: bool
    """Whether these are all sets, with their probabilities."""


def coalitions(n: int, budget: int, *, p: float = 0.5, seed: int = 0) -> Coalitions:
    """All sets of ``n`` players where they are within the budget, else a random sample.

    At ``p = 0.5`` every sampled set comes with its complement.

    Raises:
        ConfigError: p is not between 0 and 1, or the budget is too small for a fit.
    """
    if not 0 < p < 1:
        raise ConfigError(f"p={p} is not a probability between 0 and 1.")
    if n < 60 and 2**n <= budget:
        members = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
        size = members.sum(axis=1)
        return Coalitions(members, p**size * (1 - p) ** (n - size), p, True)
    if budget < n + 2:
        raise ConfigError(
            f"{budget} coalitions are too few for {n} players: give at least {n + 2}."
        )
    rng = np.random.default_rng(seed)
    if p == 0.5:
        half = rng.random((budget // 2, n)) < p
        members = np.concatenate([half, ~half])
    else:
        members = rng.random((budget, n)) < p
    return Coalitions(members, np.full(len(members), 1 / len(members)), p, False)


def first_order(sets: Coalitions, values: Floats) -> tuple[Floats, Floats]:
    """``E[f]`` and ``E[D_i f]`` of vector values.

    Args:
        values: ``(m, f)``.
    Returns:
        ``(f,)`` and ``(n, f)``.
    """
    centred = sets.members - sets.p
    if sets.exhaustive:
        scale = sets.p * (1 - sets.p)
        return sets.weights @ values, (centred * sets.weights[:, None]).T @ values / scale
    n_distinct = len(centred) // (2 if sets.p == 0.5 else 1)
    if n_distinct < _ROWS_PER_PLAYER * centred.shape[1]:  # a fit would follow the noise
        mean = sets.weights @ values
        scale = sets.p * (1 - sets.p)
        return mean, (centred * sets.weights[:, None]).T @ (values - mean) / scale
    design = np.concatenate([np.ones((len(centred), 1)), centred], axis=1)
    gram = design.T @ design
    gram[np.diag_indices_from(gram)] += _RIDGE
    solution = np.linalg.solve(gram, design.T @ values)
    return solution[0], solution[1:]


def second_order(sets: Coalitions, values: Floats) -> Floats:
    """``E[D_ij f]`` of scalar values, ``(n, n)``, symmetric, with a zero diagonal.

    From a sample the first order is fitted and taken out first, which lowers the noise, and all
    terms are shrunk together by the share of their mean square that noise of this size makes.

    Args:
        values: ``(m,)``.
    """
    centred = sets.members - sets.p
    scale = (sets.p * (1 - sets.p)) ** 2
    rest = values
    if not sets.exhaustive:
        constant, slopes = first_order(sets, values[:, None])
        rest = values - constant[0] - centred @ slopes[:, 0]
    matrix: Floats = (centred * (sets.weights * rest)[:, None]).T @ centred / scale
    np.fill_diagonal(matrix, 0.0)
    if not sets.exhaustive and len(matrix) > 1:
        noise = float(np.var(rest)) / (scale * len(rest))
        size = float((matrix**2).sum()) / (len(matrix) * (len(matrix) - 1))
        matrix *= max(0.0, 1 - noise / size) if size > 0 else 1.0
    return matrix
