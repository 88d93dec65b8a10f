"""From per-picture effects to a ranked list that was checked on other pictures.

Units are ranked by their causal effect on one half of the pictures (``choose``); the interval, the
test and the word "confirmed" come from the other half (``confirm``). A unit is confirmed when

1. its *reading* effect (attack minus nonsense control) is above 0: sign-flip permutation over
   pictures, one-sided, Holm over the units that were chosen, p < 0.05;
2. its causal effect is at least a stated share of the whole change of the margin; and
3. it exceeds 97.5 % of the random units (units of the same blocks that were not chosen).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.attack.placement import rng
from clipprobe.statistics import Estimate, cluster_bootstrap, holm, permutation_p, undefined

Floats = npt.NDArray[np.float64]
_FLIPS = 1999


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedUnit:
    """One head or neuron.

    ``column``: its place among the measured units. ``rank``: from 1, by ``chosen_by``.
    ``chosen_by``: mean causal effect on the choosing half, in logits.
    ``causal``: on the confirming half, mean over pictures of both directions of patching.
    ``share``: ``causal`` over the mean change of the margin there.
    ``reading``: as ``causal``, the attack minus the nonsense control.
    ``p``, ``holm_p``: of ``reading`` above 0 on the confirming half.
    ``confirmed``: see the module.
    """

    column: int
    rank: int
    chosen_by: float
    causal: Estimate
    share: Estimate
    reading: Estimate
    p: float
    holm_p: float
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The chosen units in order, and what random units do.

    ``random``: columns of the control units; ``random_effects``: their mean causal effects on the
    confirming half, in logits; ``band``: 2.5 and 97.5 % of those, NaN with fewer than two.
    """

    units: tuple[RankedUnit, ...]
    random: tuple[int, ...]
    random_effects: Floats
    band: tuple[float, float]


def halves(images: Sequence[str], *, seed: int) -> npt.NDArray[np.bool_]:
    """``(n,)`` true for the choosing half; the pictures of one image stay together."""
    names = sorted(set(images))
    order = rng(seed, "why", "halves").permutation(len(names))
    chosen = {names[i] for i in order[: (len(names) + 1) // 2]}
    return np.array([image in chosen for image in images], dtype=bool)


def causal(effects: Floats) -> Floats:
    """``(n, contrast, 2, units)`` -> ``(n, units)``: both directions averaged, for the attack."""
    mean: Floats = effects[:, 0].mean(axis=1)
    return mean


def reading(effects: Floats) -> Floats:
    """As :func:`causal`, the attack minus the nonsense control."""
    mean: Floats = (effects[:, 0] - effects[:, 1]).mean(axis=1)
    return mean


def rank(
    effects: Floats,
    change: Floats,
    images: Sequence[str],
    chooses: npt.NDArray[np.bool_],
    *,
    k: int,
    random: Sequence[int] | None,
    least_share: float,
    seed: int,
    candidates: Sequence[int] | None = None,
) -> Ranking:
    """Rank units and check them on the other half.

    Args:
        effects: ``(n, contrast, 2, units)``, as :meth:`Measurer.patched` gives them.
        change: ``(n,)`` the change of the margin from clean to attacked.
        chooses: ``(n,)`` the choosing half.
        k: How many units are listed.
        random: Control units; None takes all that are not listed.
        candidates: Units that may be listed; by default all.
    """
    names = np.asarray(images)
    total, read = causal(effects), reading(effects)
    by = total[chooses].mean(axis=0) if chooses.any() else np.zeros(total.shape[1])
    pool = np.arange(total.shape[1]) if candidates is None else np.asarray(candidates)
    listed = [int(pool[i]) for i in np.argsort(-by[pool], kind="stable")[:k]]
    others = [i for i in range(total.shape[1]) if i not in listed] if random is None else random
    rest = ~chooses
    controls = total[rest][:, list(others)].mean(axis=0) if rest.any() else np.zeros(0)
    band = (
        (float(np.quantile(controls, 0.025)), float(np.quantile(controls, 0.975)))
        if len(controls) > 1
        else (np.nan, np.nan)
    )
    p = [_sign_flip(read[rest][:, i], names[rest], (seed, i)) for i in listed]
    adjusted = [float(one) for one in holm(p)] if p else []
    units = []
    for place, column in enumerate(listed):
        mine = total[rest][:, column]
        share = share_of(mine, change[rest], names[rest], seed=seed)
        value = float(mine.mean()) if len(mine) else np.nan
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
                causal=mean_of(mine, names[rest], seed=seed),
                share=share,
                reading=mean_of(read[rest][:, column], names[rest], seed=seed),
                p=p[place],
                holm_p=adjusted[place],
                confirmed=bool(confirmed),
            )
        )
    return Ranking(
        units=tuple(units), random=tuple(int(i) for i in others), random_effects=controls, band=band
    )


def mean_of(values: Floats, clusters: Any, *, seed: int) -> Estimate:
    """A mean over pictures with its bootstrap interval over images; NaN is not allowed in part."""
    if len(values) and np.isnan(values).all():
        return undefined("there is nothing to measure here", n=len(values))
    return cluster_bootstrap(values, clusters=clusters, seed=seed)


def share_of(part: Floats, change: Floats, clusters: Any, *, seed: int) -> Estimate:
    """Mean of ``part`` over mean ``change``, with its interval over images.

    Undefined where the attack did not raise the margin: there is no change to share out.
    """
    if not len(change):
        return undefined("no pictures")
    if not change.mean() > 0:
        return undefined("the attack did not raise the margin of the written word", n=len(change))

    def ratio(rows: Floats) -> float:
        drawn = rows.astype(np.int64)
        whole = change[drawn].mean()
        return float(part[drawn].mean() / whole) if whole > 0 else float("nan")

    places = np.arange(len(change), dtype=np.float64)
    with warnings.catch_warnings():  # of undefined resamples; the estimate says so itself
        warnings.simplefilter("ignore", category=RuntimeWarning)
        return cluster_bootstrap(places, ratio, clusters=clusters, n_boot=500, seed=seed)


def random_units(
    chosen: Sequence[tuple[int, int]], width: int, n: int, *, seed: int
) -> list[tuple[int, int]]:
    """``n`` units ``(block, unit)`` of the blocks of the chosen ones, none of them chosen."""
    blocks = sorted({block for block, _ in chosen})
    pool = [(b, u) for b in blocks for u in range(width) if (b, u) not in set(chosen)]
    order = rng(seed, "why", "random units").permutation(len(pool))[:n]
    return sorted(pool[i] for i in order)


def _sign_flip(values: Floats, clusters: Any, key: tuple[int, int]) -> float:
    """One-sided p of a mean above 0: the signs of whole images are flipped."""
    if not len(values):
        return 1.0
    _, index = np.unique(clusters, return_inverse=True)
    sums = np.bincount(index, weights=values)
    if not np.any(sums):
        return 1.0
    signs = rng(*key, "why", "signs").choice([-1.0, 1.0], (_FLIPS, len(sums)))
    return permutation_p(float(sums.sum()), signs @ sums)
