"""The embedding association test: do two sets of targets lean to two sets of attributes?

    s(w, A, B) = mean_a cos(w, a) - mean_b cos(w, b)
    d = (mean_x s - mean_y s) / sd of s over X and Y, ddof = 1
    p = share of the re-partitions of X and Y into sets of the same sizes whose difference of means
        is at least as far from 0

WEAT (Caliskan et al. 2017, arXiv:1608.07187) with words, SEAT (May et al. 2019, arXiv:1903.10561)
with sentences, iEAT (Steed & Caliskan 2021, arXiv:2010.15052) with images; what the vectors stand
for does not matter, as long as one model made them. The sum over X minus the sum over Y of the
papers orders equally large sets as the difference of means does; for others the means are compared.

All partitions are gone through where there are at most :data:`EXACT_LIMIT`; then p is exact and has
no seed. The papers' p is one-sided (towards the stereotype that the authors expected); here the
default is two-sided, because a report should not know the answer beforehand.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from attacks.bias.evidence.vectors import unit_rows
from attacks.bias.measures.draws import Floats, generator
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.subjects import percentile_interval
from clipprobe.errors import ConfigError, DataError
from clipprobe.statistics import permutation_p

EXACT_LIMIT = 100_000
LEAST_DEFINED = 0.95
"""Share of the draws of an interval that must be defined."""
_TIE = 1e-12  # sums in another order differ in the last bits, and count as equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """What one test found.

    ``d``: effect size in standard deviations over X and Y; NaN where all s are equal.
    ``low``, ``high``: its interval, resampling within X and within Y; NaN where there is none.
    ``p``: of the partitions; ``n_partitions``: how many were looked at; ``exact``: all of them.
    ``n_x``, ``n_y``: sizes of the target sets.
    """

    d: float
    low: float
    high: float
    p: float
    n_partitions: int
    exact: bool
    n_x: int
    n_y: int


def association_test(
    x: Floats,
    y: Floats,
    a: Floats,
    b: Floats,
    *,
    alternative: str = "two-sided",
    n_boot: int = 2000,
    n_permutations: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Association:
    """Test embeddings of any modality.

    Args:
        x, y: Targets, ``(n_x, d)`` and ``(n_y, d)``, of any length. a, b: attributes.
        alternative: ``two-sided``, or ``greater`` (X leans to A), as in the papers.
        n_boot: Draws of the interval. n_permutations, seed: where not all partitions are seen.
    Raises:
        DataError: a set has fewer than two targets or no attribute, or widths differ.
    Example:
        >>> x, y = np.array([[1.0, 0], [1, 0.2]]), np.array([[0.0, 1], [0.2, 1]])
        >>> found = association_test(x, y, a=x, b=y)
        >>> round(found.d, 2), round(found.p, 3), found.n_partitions
        (1.72, 0.333, 6)
    """
    rows = [unit_rows(part, "target or attribute") for part in (x, y, a, b)]
    if len({part.shape[1] for part in rows}) != 1:
        raise DataError(
            "Targets and attributes must have one width, but have the shapes "
            f"{[part.shape for part in rows]}: encode all with one model."
        )
    leans = [lean(part, rows[2], rows[3]) for part in rows[:2]]
    return from_leans(
        leans[0], leans[1], alternative=alternative, n_boot=n_boot,
        n_permutations=n_permutations, level=level, seed=seed,
    )  # fmt: skip


def lean(targets: Floats, a: Floats, b: Floats) -> Floats:
    """``s(w, A, B)`` of every target ``(n, d)`` -> ``(n,)``; unit rows everywhere."""
    if not len(a) or not len(b):
        raise DataError("An association test needs at least one attribute on each side.")
    result: Floats = targets @ (a.mean(axis=0) - b.mean(axis=0))
    return result


def effect_size(x: Floats, y: Floats) -> float:
    """``d`` of two sets of leans; NaN where they are all equal."""
    both = np.concatenate([x, y])
    spread = both.std(ddof=1)
    # Equal leans leave rounding dust instead of 0.
    if spread <= 1e-10 * max(1.0, float(np.abs(both).max())):
        return math.nan
    return float((x.mean() - y.mean()) / spread)


def from_leans(
    x: Floats,
    y: Floats,
    *,
    alternative: str = "two-sided",
    n_boot: int = 2000,
    n_permutations: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Association:
    """The test from the leans ``s`` of both target sets, ``(n_x,)`` and ``(n_y,)``."""
    if min(len(x), len(y)) < 2:
        raise DataError(
            f"An association test needs two targets on each side, but got {len(x)} and {len(y)}."
        )
    if alternative not in ("two-sided", "greater"):
        raise ConfigError(
            f"The alternative is 'two-sided' or 'greater', but {alternative!r} was given."
        )
    d = effect_size(x, y)
    sizes = {"n_x": len(x), "n_y": len(y)}
    if math.isnan(d):
        return Association(
            d=d, low=math.nan, high=math.nan, p=math.nan, n_partitions=0, exact=False, **sizes
        )
    rng = np.random.default_rng(seed)
    low, high = _interval(x, y, n_boot, level, rng)
    p, n_partitions, exact = _p(x, y, alternative, n_permutations, rng)
    return Association(
        d=d, low=low, high=high, p=p, n_partitions=n_partitions, exact=exact, **sizes
    )


def seeded_test(x: Floats, y: Floats, settings: Settings, name: str) -> Association:
    """The same as an auditor chose it; the name of the test gives its seed."""
    seed = int(generator(settings.seed, "association", name).integers(2**31))
    return from_leans(
        x, y, n_boot=settings.n_boot, n_permutations=settings.n_permutations,
        level=settings.level, seed=seed,
    )  # fmt: skip


@cache
def partitions(n: int, k: int) -> NDArray[np.int64]:
    """Every choice of ``k`` of ``n`` places, ``(C(n, k), k)``; not to be written to."""
    count = math.comb(n, k)
    flat = itertools.chain.from_iterable(itertools.combinations(range(n), k))
    sets = np.fromiter(flat, dtype=np.int64, count=count * k).reshape(count, k)
    sets.flags.writeable = False
    return sets


def _p(
    x: Floats, y: Floats, alternative: str, n_permutations: int, rng: np.random.Generator
) -> tuple[float, int, bool]:
    both = np.concatenate([x, y])
    n, k = len(both), len(x)
    observed = float(x.mean() - y.mean())
    count = math.comb(n, k)
    if count > EXACT_LIMIT:
        places = np.argsort(rng.random((n_permutations, n)), axis=1)[:, :k]
        null = _differences(both, places)
        return permutation_p(observed, null, alternative), n_permutations, False
    null = _differences(both, partitions(n, k))
    if alternative == "two-sided":
        null, observed = np.abs(null), abs(observed)
    # The partition that was seen is one of all, so p is never 0 and nothing is added.
    return float(np.mean(null >= observed - _TIE * abs(observed))), count, True


def _differences(both: Floats, places: NDArray[np.int64]) -> Floats:
    n, k = len(both), places.shape[1]
    centred = both - both.mean()
    sums = centred[places].sum(axis=1)
    result: Floats = sums / k + sums / (n - k)
    return result


def _interval(
    x: Floats, y: Floats, n_boot: int, level: float, rng: np.random.Generator
) -> tuple[float, float]:
    drawn_x = x[rng.integers(0, len(x), (n_boot, len(x)))]
    drawn_y = y[rng.integers(0, len(y), (n_boot, len(y)))]
    draws = effect_sizes_of(drawn_x, drawn_y)
    return percentile_interval(draws, level, least_defined=LEAST_DEFINED)


def effect_sizes_of(x: Floats, y: Floats) -> Floats:
    """``d`` of each row of draws, ``(b, n_x)`` and ``(b, n_y)`` -> ``(b,)``."""
    spread = np.concatenate([x, y], axis=1).std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = (x.mean(axis=1) - y.mean(axis=1)) / spread
    return result
