"""From effects on single inputs to a ranked list that was checked on other inputs.

Units are ranked by their effect on one half of the inputs; the interval, the test and the word
"confirmed" come from the other half. A unit is confirmed when

1. its *controlled* effect (its effect less that of a control, where there is one) is above 0: over
   the inputs by flipped signs, between two groups by permuted labels, whole clusters together;
   one-sided, Holm over the units that were listed, p < 0.05;
2. its effect is at least a stated share of the whole; and
3. it exceeds 97.5 % of the random units (units of the same kind that were not listed).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipprobe.arrays import Floats
from clipprobe.statistics import Estimate, cluster_bootstrap, holm, permutation_p, undefined
from clipprobe.statistics.resampling import permuted_labels
from clipprobe.statistics.seeds import rng

NOTHING = "the score is not above 0"
_DRAWS = 1999


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedUnit:
    """One head or neuron.

    ``column``: its place among the measured units. ``rank``: from 1, by ``chosen_by``.
    ``chosen_by``: its effect on the choosing half, in the unit of the score.
    ``effect``: on the confirming half. ``share``: ``effect`` over the whole there.
    ``controlled``: the effect less that of the control.
    ``p``, ``holm_p``: of ``controlled`` above 0 on the confirming half.
    ``confirmed``: see the module.
    """

    column: int
    rank: int
    chosen_by: float
    effect: Estimate
    share: Estimate
    controlled: Estimate
    p: float
    holm_p: float
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The listed units in order, and what random units do.

    ``random``: columns of the control units; ``random_effects``: their effects on the confirming
    half; ``band``: 2.5 and 97.5 % of those, NaN with fewer than two.
    """

    units: tuple[RankedUnit, ...]
    random: tuple[int, ...]
    random_effects: Floats
    band: tuple[float, float]


def rank(
    effects: Floats,
    controlled: Floats,
    whole: Floats,
    clusters: ArrayLike,
    chooses: NDArray[np.bool_],
    *,
    k: int,
    random: Sequence[int] | None,
    least_share: float,
    seed: int,
    candidates: Sequence[int] | None = None,
    inside: NDArray[np.bool_] | None = None,
    nothing: str = NOTHING,
) -> Ranking:
    """Rank units and check them on the other half.

    Args:
        effects: ``(n, units)``, on each input.
        controlled: ``(n, units)``, less those of the control; the same where there is none.
        whole: ``(n,)`` what the effects are shares of: the change, or the score.
        clusters: ``(n,)``; inputs of one cluster are not independent.
        chooses: ``(n,)`` the choosing half.
        k: How many units are listed.
        random: Control units; None takes all that are not listed.
        candidates: Units that may be listed; by default all.
        inside: ``(n,)``; effects are means over these inputs less those over the others. None:
            means over all.
        nothing: Why there are no shares where the whole is not above 0.
    """
    names, rest = np.asarray(clusters), ~chooses
    there = None if inside is None else inside[rest]
    n_units = effects.shape[1]
    by = (
        value_of(effects[chooses], None if inside is None else inside[chooses])
        if chooses.any()
        else np.zeros(n_units)
    )
    pool = np.arange(n_units) if candidates is None else np.asarray(candidates)
    listed = [int(pool[i]) for i in np.argsort(-by[pool], kind="stable")[:k]]
    others = [i for i in range(n_units) if i not in listed] if random is None else random
    controls = value_of(effects[rest][:, list(others)], there) if rest.any() else np.zeros(0)
    ends = np.quantile(controls, [0.025, 0.975]) if len(controls) > 1 else (np.nan, np.nan)
    band = (float(ends[0]), float(ends[1]))
    p = [_p_above_0(controlled[rest][:, i], names[rest], there, (seed, i)) for i in listed]
    adjusted = [float(one) for one in holm(p)] if p else []
    units = []
    for place, column in enumerate(listed):
        mine = effects[rest][:, column]
        share = share_of(mine, whole[rest], names[rest], seed=seed, inside=there, nothing=nothing)
        value = float(value_of(mine, there)) if len(mine) else np.nan
        confirmed = (
            adjusted[place] < 0.05
            and share.defined
            and share.value >= least_share
            and not value <= band[1]
        )
        units.append(
            RankedUnit(
                column=column,
                rank=place + 1,
                chosen_by=float(by[column]),
                effect=mean_of(mine, names[rest], seed=seed, inside=there),
                share=share,
                controlled=mean_of(
                    controlled[rest][:, column], names[rest], seed=seed, inside=there
                ),
                p=p[place],
                holm_p=adjusted[place],
                confirmed=bool(confirmed),
            )
        )
    return Ranking(
        units=tuple(units), random=tuple(int(i) for i in others), random_effects=controls, band=band
    )


def value_of(values: Floats, inside: NDArray[np.bool_] | None) -> Any:
    """Mean over the inputs ``(n, ...)``, or over those inside less that over the others."""
    if inside is None:
        return values.mean(axis=0)
    return values[inside].mean(axis=0) - values[~inside].mean(axis=0)


def mean_of(
    values: Floats, clusters: Any, *, seed: int, inside: NDArray[np.bool_] | None = None
) -> Estimate:
    """:func:`value_of` with its bootstrap interval over clusters; NaN is not allowed in part."""
    if len(values) and np.isnan(values).all():
        return undefined("there is nothing to measure here", n=len(values))
    if inside is None:
        return cluster_bootstrap(values, clusters=clusters, seed=seed)
    return _over_rows(
        lambda rows: float(value_of(values[rows], inside[rows])), inside, clusters, 2000, seed
    )


def share_of(
    part: Floats,
    whole: Floats,
    clusters: Any,
    *,
    seed: int,
    inside: NDArray[np.bool_] | None = None,
    nothing: str = NOTHING,
) -> Estimate:
    """The value of ``part`` over that of ``whole``, with its interval over clusters.

    Undefined where the whole is not above 0: there is nothing to share out.
    """
    if not len(whole):
        return undefined("no images")
    if not value_of(whole, inside) > 0:
        return undefined(nothing, n=len(whole))

    def ratio(rows: NDArray[np.int64]) -> float:
        there = None if inside is None else inside[rows]
        total = value_of(whole[rows], there)
        return float(value_of(part[rows], there) / total) if total > 0 else float("nan")

    sides = np.zeros(len(whole), bool) if inside is None else inside
    return _over_rows(ratio, sides, clusters, 500, seed)


def _over_rows(
    statistic: Callable[[NDArray[np.int64]], float],
    inside: NDArray[np.bool_],
    clusters: Any,
    n_boot: int,
    seed: int,
) -> Estimate:
    """Bootstrap of a statistic of row numbers."""
    places = np.arange(len(inside), dtype=np.float64)
    with warnings.catch_warnings():  # of undefined resamples; the estimate says so itself
        warnings.simplefilter("ignore", category=RuntimeWarning)
        return cluster_bootstrap(
            places,
            lambda drawn: statistic(drawn.astype(np.int64)),
            clusters=clusters,
            n_boot=n_boot,
            seed=seed,
        )


def _p_above_0(
    values: Floats, clusters: Any, inside: NDArray[np.bool_] | None, key: tuple[int, int]
) -> float:
    """One-sided p of a value above 0: signs of whole clusters flipped, or their labels permuted."""
    if not len(values):
        return 1.0
    _, index = np.unique(clusters, return_inverse=True)
    source = rng(*key, "why", "signs")
    if inside is None:
        sums = np.bincount(index, weights=values)
        if not np.any(sums):
            return 1.0
        signs = source.choice([-1.0, 1.0], (_DRAWS, len(sums)))
        return permutation_p(float(sums.sum()), signs @ sums)
    chunks = permuted_labels(inside.astype(np.int64), index.astype(np.int64), _DRAWS, source)
    labels = np.concatenate(list(chunks)).astype(np.float64)  # draws, inputs
    n = labels.sum(axis=1)
    ours = labels @ values
    null = ours / n - (values.sum() - ours) / (len(values) - n)
    return permutation_p(float(value_of(values, inside)), null)
