"""Tests of one hypothesis: p-values from permutations, and of paired yes/no outcomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics.estimate import boolean, finite

# Equal sums added in another order differ in the last bits; they must count as equal, else an
# exact permutation test is anti-conservative (the same rule as scipy.stats.permutation_test).
_RELATIVE_TIE = 1e-12


def permutation_p(
    statistic_observed: float, null_statistics: ArrayLike, alternative: str = "greater"
) -> float:
    """The share of permutations at least as extreme as what was seen, ``(1 + #) / (1 + n)``.

    What was seen counts as one permutation, so p is never 0 (Phipson & Smyth 2010).

    Args:
        null_statistics: The statistic under permuted labels, ``(n,)``.
        alternative: ``"greater"``, ``"less"``, or ``"two-sided"`` (by absolute value, so the
            statistic must be centred on 0 where there is no effect).
    Raises:
        DataError: no permutations, or NaN. ConfigError: another alternative.
    """
    null = finite(null_statistics, "the null distribution")
    observed = float(statistic_observed)
    if null.size == 0 or np.isnan(observed):
        raise DataError("A permutation p-value needs a defined statistic and one permutation.")
    if alternative == "less":
        observed, null = -observed, -null
    elif alternative == "two-sided":
        observed, null = abs(observed), np.abs(null)
    elif alternative != "greater":
        raise ConfigError(
            f"The alternative is 'greater', 'less' or 'two-sided', but {alternative!r} was given."
        )
    extreme = np.count_nonzero(null >= observed - _RELATIVE_TIE * abs(observed))
    return float((1 + extreme) / (1 + null.size))


def mcnemar(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sided exact McNemar p for two yes/no outcomes of the same items (statsmodels).

    Only pairs that differ count; with none the p-value is 1.
    """
    from statsmodels.stats.contingency_tables import mcnemar as exact_mcnemar

    first, second = boolean(a, "the first outcome"), boolean(b, "the second outcome")
    if first.size != second.size:
        raise DataError(
            f"Paired outcomes need one row per item in both, but got {first.size} and "
            f"{second.size}."
        )
    # The exact test reads the off-diagonal alone.
    table = [[0, int(np.sum(first & ~second))], [int(np.sum(~first & second)), 0]]
    return min(1.0, float(exact_mcnemar(table, exact=True).pvalue))
