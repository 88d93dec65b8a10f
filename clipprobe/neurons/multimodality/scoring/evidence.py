"""The tests of every unit, and what they count when concepts are shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from clipprobe.neurons.multimodality.contents import STRONG
from clipprobe.neurons.multimodality.scoring.exact import (
    best_concept,
    each_p,
    exact_p,
    shuffled_each_p,
    shuffled_exact_p,
)
from clipprobe.neurons.multimodality.scoring.measure import Scores
from clipprobe.neurons.multimodality.scoring.nulls import JointNull
from clipprobe.neurons.multimodality.scoring.profile import (
    MIN_CONCEPTS,
    profile_test,
    shuffled_profiles,
)
from clipprobe.neurons.multimodality.scoring.scores import Floats, smallest
from clipprobe.neurons.multimodality.scoring.shuffles import Counts
from clipprobe.statistics import benjamini_hochberg

Orders = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTests:
    """The tests of each unit ``u``, on all images; every q is Benjamini-Hochberg over the units.

    Attributes:
        concept: The best concept, of which the exact tests speak, ``(u,)``.
        p_each, q_each: Each modality given the others; see ``exact``.
        p_exact, q_exact: Against modalities that are all unrelated; see ``exact``.
        pairs: The modalities' numbers, two by two.
        rho: Spearman's correlations of the profiles of every two modalities, ``(pairs, u)``.
        p_profile, q_profile: See ``profile``; NaN throughout where there are too few concepts.
    """

    concept: NDArray[np.int64]
    p_each: Floats
    q_each: Floats
    p_exact: Floats
    q_exact: Floats
    pairs: tuple[tuple[int, int], ...]
    rho: Floats
    p_profile: Floats
    q_profile: Floats

    @classmethod
    def of(cls, scores: Scores) -> UnitTests:
        """Test every unit of all tiles together."""
        p, p_each = exact_p(scores.all_aurocs), each_p(scores.all_aurocs)
        n_modalities, n_concepts, n_units = scores.profiles.shape
        pairs = tuple(combinations(range(n_modalities), 2))
        if n_concepts >= MIN_CONCEPTS:
            profile = profile_test(scores.profiles)
            pairs, rho, p_profile, q = profile.pairs, profile.rho, profile.p_max, profile.q
        else:
            rho = np.full((len(pairs), n_units), np.nan)
            p_profile = q = np.full(n_units, np.nan)
        return cls(
            concept=best_concept(scores.all_aurocs),
            p_each=p_each,
            q_each=benjamini_hochberg(p_each),
            p_exact=p,
            q_exact=benjamini_hochberg(p),
            pairs=pairs,
            rho=rho,
            p_profile=p_profile,
            q_profile=q,
        )


def counts_of(scores: Scores, alpha: float) -> dict[str, int]:
    """What each claim about units counts."""
    tests, score = UnitTests.of(scores), scores.at("score", scores.selected)
    q = {"each": tests.q_each, "exact": tests.q_exact, "profile": tests.q_profile}
    significant = {name: int((values <= alpha).sum()) for name, values in q.items()}
    return {"strong": int((score >= STRONG).sum()), **significant}


def shuffled_counts(
    scores: Scores, orders: Sequence[Orders], joint: JointNull, alpha: float
) -> dict[str, tuple[Counts, Counts]]:
    """Claim -> its count under each order, ``(b,)``, of one modality and of all.

    Args:
        orders: As ``shuffles.draw_orders`` gives them. Where there are too few concepts for the
            profile test, its counts are empty.
        joint: What the best of all units reaches by chance.
    """
    counts: dict[str, list[Counts]] = {"each": [], "exact": [], "profile": [], "concepts": []}
    for part in orders:
        for name, test in (("each", shuffled_each_p), ("exact", shuffled_exact_p)):
            q = np.array([benjamini_hochberg(row) for row in test(scores.all_aurocs, part)])
            counts[name].append((q <= alpha).sum(axis=1))
        enough = scores.profiles.shape[1] >= MIN_CONCEPTS
        q = shuffled_profiles(scores.profiles, part) if enough else np.zeros((0, 1))
        counts["profile"].append((q <= alpha).sum(axis=1))
        counts["concepts"].append(_concepts(scores.aurocs, part, joint, alpha))
    return {name: (parts[0], parts[1]) for name, parts in counts.items()}


def _concepts(aurocs: Floats, orders: Orders, joint: JointNull, alpha: float) -> Counts:
    aurocs = np.nan_to_num(aurocs, nan=-1.0)
    best = [smallest(aurocs, order).max(axis=1) for order in orders]
    q = np.array([benjamini_hochberg(joint.best_unit_p(one)) for one in best])
    counts: Counts = (q <= alpha).sum(axis=1)
    return counts
