"""Does a unit rank the concepts alike in every modality?

A unit's *profile* in one modality is its mean activation on each concept, ``(c,)``. The test asks
for a positive Spearman correlation of the profiles of every two modalities (one-sided, by the t
approximation), takes the largest of the p-values, so that all must agree (the intersection-union
test of Berger 1982, doi:10.1080/00401706.1982.10487790), and corrects over units by Benjamini and
Hochberg. It uses every concept, where the score of a unit's best concept uses one. Limits: a unit
with one sharp concept among hundreds has a flat profile elsewhere, and passes the other test rather
than this one; and what concepts share in every modality (a long word, a wide picture) correlates
without any learning, so the count stands beside that of the network at random weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.errors import DataError
from clipprobe.neurons.multimodality.probes import Probes
from clipprobe.neurons.multimodality.scoring.scores import Floats, concept_means
from clipprobe.neurons.multimodality.scoring.shuffles import (
    N_SHUFFLES,
    ShuffledCount,
    Shuffles,
    draw_orders,
    shuffled_modality,
)
from clipprobe.statistics import Estimate, benjamini_hochberg, wilson

if TYPE_CHECKING:
    from clipprobe.models import Clip

MIN_CONCEPTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileTest:
    """Agreement of the profiles of each unit ``u`` over every two modalities.

    Attributes:
        pairs: The modalities' numbers, two by two.
        rho: Spearman correlations, ``(pairs, u)``; NaN for a unit that is the same on every
            concept of a modality.
        p: One-sided, ``(pairs, u)``.
        p_max: The largest over pairs, ``(u,)``: of the weakest agreement.
        q: ``p_max`` after Benjamini-Hochberg over the units, ``(u,)``.
    """

    pairs: tuple[tuple[int, int], ...]
    rho: Floats
    p: Floats
    p_max: Floats
    q: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCount:
    """Units of a hook point whose profiles agree over all modalities.

    Attributes:
        site: Hook point.
        share: Of the units that could be tested, those with q at most alpha.
        n_units: Their number.
        one_shuffled, all_shuffled: The same count with the concepts of the words (of the last
            modality where none is called ``word``) shuffled, and with those of every modality.
        random: The share for the same network at random weights.
    """

    site: str
    share: Estimate
    n_units: int
    one_shuffled: ShuffledCount
    all_shuffled: ShuffledCount
    random: Estimate


def profile_test(profiles: Floats) -> ProfileTest:
    """Test every unit.

    Args:
        profiles: ``(m, c, u)``, at least two modalities.
    Raises:
        DataError: fewer than two modalities, or too few concepts for the approximation.
    """
    return _test(_standard_ranks(profiles))


def shuffled_profiles(profiles: Floats, orders: NDArray[np.int64]) -> NDArray[np.float32]:
    """q of every unit under each order of the concepts, ``(b, u)``; see ``shuffles.draw_orders``.

    Args:
        orders: ``(b, m, c)``.
    """
    ranks = _standard_ranks(profiles)
    every = np.arange(len(ranks))[:, None]
    return np.array([_test(ranks[every, order]).q for order in orders], dtype=np.float32)


def count_profiles(
    profiles: Floats,
    random: Floats,
    modalities: Sequence[str],
    *,
    site: str,
    alpha: float = 0.05,
    seed: int = 0,
    n_shuffles: int = N_SHUFFLES,
) -> ProfileCount:
    """Count the units of one hook point, beside shuffled concepts and random weights.

    Args:
        profiles, random: ``(m, c, u)`` of the model and of the same network at random weights.
    """
    qs = [profile_test(one).q for one in (profiles, random)]
    share, twin = (share_of_defined(q <= alpha, q) for q in qs)
    n_units = round(share.value * share.n)
    one, every = (
        shuffled_profiles(profiles, orders)
        for orders in draw_orders(modalities, profiles.shape[1], seed=seed, n=n_shuffles)
    )
    # A unit counts where its score reaches a threshold; here a small q, so minus alpha.
    shuffles = Shuffles(modality=modalities[shuffled_modality(modalities)], one=-one, all=-every)
    one_shuffled, all_shuffled = shuffles.reaching(-alpha, n_units)
    return ProfileCount(
        site=site,
        share=share,
        n_units=n_units,
        one_shuffled=one_shuffled,
        all_shuffled=all_shuffled,
        random=twin,
    )


def run_profiles(
    clip: Clip,
    probes: Probes,
    sites: Sequence[str] | Mapping[str, str],
    *,
    pool: str = "cls",
    alpha: float = 0.05,
    seed: int = 0,
    batch_size: int = 64,
) -> list[ProfileCount]:
    """Run a model and its random twin on the probes, and count at every hook point.

    Args:
        sites: Hook points or globs of the vision tower; or names with how each is pooled.
        pool: ``cls`` by default: the maximum over patches hides what the class token holds.
    Raises:
        UnknownHookPointError, UnsupportedHookError: see ``hooks.units.find_sites``.
        DataError: see :func:`profile_test`.
    """
    from clipprobe.models import random_twin
    from clipprobe.neurons.multimodality.activations import find_pooled_sites, pooled, sites_pooled

    if isinstance(sites, Mapping):
        points, pools = sites_pooled(clip, sites), dict(sites)
    else:
        points, pools = find_pooled_sites(clip, list(sites), pool)
    tile = tuple((site.name, 0, site.n_units) for site in points)
    clips = [clip, random_twin(clip, seed=seed)]
    means: tuple[list[Floats], list[Floats]] = ([], [])
    for modality in probes.modalities:
        activations = pooled(
            clips, probes.of(modality), tile, pools, batch_size=batch_size, workers=1, progress=None
        )
        codes = probes.codes(activations.records)
        for own, matrix in zip(means, activations.matrices, strict=True):
            own.append(concept_means(matrix, codes, len(probes.concepts)))
    stops = np.cumsum([site.n_units for site in points])
    trained, random = (np.split(np.array(own), stops[:-1], axis=-1) for own in means)
    return [
        count_profiles(own, twin, probes.modalities, site=site.name, alpha=alpha, seed=seed)
        for own, twin, site in zip(trained, random, points, strict=True)
    ]


def share_of_defined(reached: Any, values: Floats) -> Estimate:
    """Of the units whose value is defined, how many have reached something."""
    return wilson(int(np.sum(reached)), int(np.isfinite(values).sum()))


def _standard_ranks(profiles: Floats) -> Floats:
    """Ranks over the concepts, with mean 0 and length 1; NaN where all are equal."""
    from scipy.stats import rankdata

    n_modalities, n_concepts = profiles.shape[:2]
    if n_modalities < 2 or n_concepts < MIN_CONCEPTS:
        raise DataError(
            f"Profiles compare at least 2 modalities over at least {MIN_CONCEPTS} concepts, and "
            f"there are {n_modalities} and {n_concepts}: give more."
        )
    ranks = rankdata(profiles, axis=1, nan_policy="propagate")
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.where(length > 0, ranks / length, np.nan)
    return result


def _test(ranks: Floats) -> ProfileTest:
    from scipy.stats import t as student

    pairs = tuple(combinations(range(len(ranks)), 2))
    rho = np.array([np.einsum("cu,cu->u", ranks[a], ranks[b]) for a, b in pairs]).clip(-1, 1)
    freedom = ranks.shape[1] - 2
    with np.errstate(divide="ignore"):
        p = student.sf(rho * np.sqrt(freedom / ((1 - rho) * (1 + rho))), freedom)
    p_max: Floats = p.max(axis=0)  # NaN where any pair is
    return ProfileTest(pairs=pairs, rho=rho, p=p, p_max=p_max, q=benjamini_hochberg(p_max))
