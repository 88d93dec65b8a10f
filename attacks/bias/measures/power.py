"""What could have been found: the smallest effect that a comparison of these sizes would show.

"Nothing was flagged" means little without it. For each group against its reference, the effect that
a two-sided test at alpha finds with 80 % power (Cohen 1988; solved by statsmodels):

* of an association, ``d`` in standard deviations (t test);
* of a rate, in points, on top of a base rate of 5 % and of 50 % (normal approximation of the
  difference of arcsine-transformed rates, Cohen's h).

Each stands at two levels, because Benjamini-Hochberg lies between them: alpha, where most tests of
the report find something, and alpha over the number of tests, where this one is the only finding.
With clusters, clusters are counted instead of images, as if those of one cluster were equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.bias.groups.columns import SHOW_FROM, GroupColumn
from attacks.bias.measures.cells import status_for
from attacks.bias.measures.draws import Ints
from attacks.bias.measures.frame import comparisons
from clipprobe.runs.jsonio import AsJson

POWER = 0.8
BASE_RATES = (0.05, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable(AsJson):
    """The least effects that one comparison finds.

    ``column``, ``group``, ``reference``; ``n``, ``n_reference``: images, or clusters, on each side.
    ``alpha``: level of the test; ``power``: chance of finding the effect.
    ``d``: in standard deviations. ``rise_from_5``, ``rise_from_50``: rise of a rate of 5 or 50 %,
    as a share; NaN where no rise to 100 % would be found.
    """

    column: str
    group: str
    reference: str
    n: int
    n_reference: int
    alpha: float
    power: float
    d: float
    rise_from_5: float
    rise_from_50: float


def detectable(
    columns: Sequence[GroupColumn], clusters: Ints | None, *, alpha: float, family_size: int
) -> list[Detectable]:
    """The least effects of every comparison that is large enough for a test, at both levels.

    Args:
        family_size: Tests of the report; 0 or 1 leaves the plain level only.
    """
    levels = [alpha] if family_size < 2 else [alpha, alpha / family_size]
    rows = []
    for column in columns:
        counts = [_count(column, g, clusters) for g in range(len(column.levels))]
        if len(counts) < 2:
            continue
        for group, others in comparisons(len(counts)):
            n, rest = counts[group], sum(counts[h] for h in others)
            images = np.bincount(column.labels[column.labels >= 0], minlength=len(counts))
            tested = status_for([images[group], images[others].sum()]) == "inferred"
            if not tested or min(n, rest) < SHOW_FROM:  # as few clusters are not tested
                continue
            reference = column.levels[0] if len(counts) == 2 else "rest"
            for level in levels:
                rows.append(
                    Detectable(
                        column=column.name, group=column.levels[group], reference=reference,
                        n=n, n_reference=rest, alpha=level, power=POWER,
                        d=detectable_d(n, rest, level),
                        rise_from_5=detectable_rise(BASE_RATES[0], n, rest, level),
                        rise_from_50=detectable_rise(BASE_RATES[1], n, rest, level),
                    )
                )  # fmt: skip
    return rows


def _count(column: GroupColumn, group: int, clusters: Ints | None) -> int:
    inside = column.labels == group
    return int(inside.sum()) if clusters is None else len(np.unique(clusters[inside]))


def detectable_d(n: int, n_reference: int, alpha: float, power: float = POWER) -> float:
    """The least ``|d|`` that a two-sided t test finds.

    Example:
        >>> round(detectable_d(64, 64, 0.05), 3)  # the textbook's medium effect
        0.499
    """
    from scipy.optimize import brentq
    from statsmodels.stats.power import ttest_power

    effective = 1 / (1 / n + 1 / n_reference)

    def lacking(d: float) -> float:
        reached = ttest_power(d, effective, alpha / 2, df=n + n_reference - 2, alternative="larger")
        return float(reached) - power

    # The t test needs a little more than the normal approximation, and never twice as much
    # for the sizes that are tested at all.
    start = _normal_effect(n, n_reference, alpha, power)
    return float(brentq(lacking, 0.9 * start, 2 * start, xtol=1e-6))


def detectable_rise(
    base: float, n: int, n_reference: int, alpha: float, power: float = POWER
) -> float:
    """The least rise of a rate over ``base``, as a share; NaN where none up to 1 is found."""
    h = _normal_effect(n, n_reference, alpha, power)
    angle = math.asin(math.sqrt(base)) + h / 2
    return math.sin(angle) ** 2 - base if angle <= math.pi / 2 else math.nan


def _normal_effect(n: int, n_reference: int, alpha: float, power: float) -> float:
    """The effect, in standard errors of one observation, that a two-sided z test finds.

    Without the chance of finding it on the wrong side, which is below 1e-4 at any power of use.
    """
    from scipy.stats import norm

    both = float(norm.isf(alpha / 2) + norm.ppf(power))
    return both * math.sqrt(1 / n + 1 / n_reference)
