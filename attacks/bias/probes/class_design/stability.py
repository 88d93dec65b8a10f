"""Does the ranking of groups survive another label set? Kendall's tau, without a model.

For two designs, tau-b is computed from the signs of all differences between two groups:

    tau_b(a, b) = sum s_a s_b / sqrt(sum s_a^2 * sum s_b^2)      (Kendall 1945)

with ``s`` the sign, 0 where tied. A design that gives every group the same rate ranks nothing, so
its tau is undefined. All designs look at the same images, so their rankings agree to some degree
where groups do not matter at all: the null floor is the same figure under permuted groups.
"""

from __future__ import annotations

import numpy as np

from attacks.bias.measures.draws import Floats


def pair_signs(rates: Floats) -> Floats:
    """Signs of all differences between two groups: ``(..., g)`` -> ``(..., g (g - 1) / 2)``."""
    left, right = np.triu_indices(rates.shape[-1], k=1)
    # Equal rates come from equal fractions; rounding must not break a tie.
    gap = np.round(rates[..., left] - rates[..., right], 12)
    result: Floats = np.sign(gap)
    return result


def tau_matrix(rates: Floats) -> Floats:
    """tau-b of every two designs: ``(..., designs, g)`` -> ``(..., designs, designs)``; NaN where
    a design ties all groups."""
    signs = pair_signs(rates)
    products = np.einsum("...ip,...jp->...ij", signs, signs)
    lengths = np.sqrt(np.einsum("...ip,...ip->...i", signs, signs))
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = products / (lengths[..., :, None] * lengths[..., None, :])
    return result


def mean_tau(rates: Floats) -> Floats:
    """The mean over all pairs of different designs that both rank something; NaN where none do."""
    table = tau_matrix(rates)
    left, right = np.triu_indices(table.shape[-1], k=1)
    pairs = table[..., left, right]
    counted = np.isfinite(pairs).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.nansum(pairs, axis=-1) / np.where(counted > 0, counted, np.nan)
    return result
