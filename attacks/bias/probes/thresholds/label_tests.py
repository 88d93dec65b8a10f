"""Is a label attached to one group more often than to another? One test per label.

Chi-squared without continuity correction, as the paper did, where every expected count is at least
5 (for more than two groups: at least four fifths of them, and none under 1; Cochran 1954);
otherwise Fisher's exact test for two groups, and for more the same statistic against hits assigned
at random. With clusters the groups of whole clusters are permuted.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.draws import Floats, generator
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from clipprobe.statistics import permutation_p

LEAST_EXPECTED = 5
FIRST_DEALS = 200
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTests:
    """Of every label: ``counts`` ``(g, m)`` images that have it; ``p`` ``(m,)`` NaN where not
    tested; ``method``."""

    counts: Counts
    p: Floats
    method: tuple[str, ...]


def count(frame: Frame, hits: NDArray[np.bool_]) -> Counts:
    """Images of each group with each label: ``(n, m)`` -> ``(g, m)``."""
    one_hot = np.eye(len(frame.sizes))[frame.labels]
    return np.rint(one_hot.T @ hits.astype(np.float64)).astype(np.int64)


def chi_squared(counts: Counts, sizes: Counts) -> Floats:
    """Pearson's statistic of each label, ``(m,)``, over a table of groups by has it or not; 0
    where no image or every image has it.

    Args:
        counts: ``(g, m)``. sizes: of the groups, ``(g,)``, or for each label its own, ``(g, m)``.
    """
    each = sizes if sizes.ndim == 2 else sizes[:, None]
    total, n = counts.sum(axis=0), each.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = each * (total / n)
        off = (counts - expected) ** 2
        statistic = (off / expected + off / (each - expected)).sum(axis=0)
    result: Floats = np.where((total == 0) | (total == n), 0.0, statistic)
    return result


def compare_labels(
    frame: Frame, hits: NDArray[np.bool_], settings: Settings, name: str
) -> LabelTests:
    """Test every label that some images have and some have not.

    Args:
        hits: ``(n, m)``. name: of the label set and threshold, for the seed of random draws.
    """
    sizes = np.array(frame.sizes, dtype=np.int64)
    counts = count(frame, hits)
    statistic = chi_squared(counts, sizes)
    p = np.full(hits.shape[1], np.nan)
    method = [""] * hits.shape[1]
    for j, total in enumerate(counts.sum(axis=0)):
        if 0 < total < sizes.sum():
            p[j], method[j] = _one(frame, hits[:, j], counts[:, j], statistic[j], settings, name, j)
    return LabelTests(counts=counts, p=p, method=tuple(method))


def _one(
    frame: Frame,
    hits: NDArray[np.bool_],
    counts: Counts,
    statistic: float,
    settings: Settings,
    name: str,
    place: int,
) -> tuple[float, str]:
    from scipy.stats import chi2, fisher_exact

    sizes = np.array(frame.sizes, dtype=np.int64)
    if frame.conditional:
        null = _permuted(frame, hits, sizes)
        return permutation_p(statistic, null), f"chi-squared, {len(null)} {frame.permuted}"
    share = counts.sum() / sizes.sum()
    expected = np.concatenate([sizes * share, sizes * (1 - share)])
    enough = expected.min() >= LEAST_EXPECTED
    if len(sizes) > 2:  # Cochran's rule for larger tables
        enough = bool(expected.min() >= 1 and (expected < LEAST_EXPECTED).mean() <= 0.2)
    if enough:
        return float(chi2.sf(statistic, len(sizes) - 1)), "chi-squared"
    if len(sizes) == 2:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p = float(fisher_exact(np.stack([counts, sizes - counts], axis=1)).pvalue)
        return min(1.0, p), "Fisher's exact test"
    rng = generator(settings.seed, "labels", name, str(place), frame.column.name)
    return _permutation(rng, sizes, int(counts.sum()), statistic, settings.n_permutations)


def _permutation(
    rng: np.random.Generator, sizes: Counts, total: int, statistic: float, n_deals: int
) -> tuple[float, str]:
    """p from hits assigned to images at random, and how.

    Most labels are far from any level after a few deals; the rest get all of them. A p-value under
    a tenth always comes from all deals, so stopping early makes none of those smaller (after Besag
    and Clifford 1991).
    """
    null: Floats = np.zeros(0)
    for more in (min(FIRST_DEALS, n_deals), n_deals - min(FIRST_DEALS, n_deals)):
        if not more:
            break
        hits = rng.multivariate_hypergeometric(sizes, total, size=more, method="marginals")
        null = np.concatenate([null, chi_squared(hits.T, sizes)])
        p = permutation_p(statistic, null)
        if p > 0.1:
            break
    return p, f"chi-squared, {len(null)} random deals"


def _permuted(frame: Frame, hits: NDArray[np.bool_], sizes: Counts) -> Floats:
    parts, groups = [], range(len(sizes))
    for chunk in frame.permutations:
        counts = np.stack([(chunk[:, hits] == g).sum(axis=1) for g in groups])
        # Clusters of unequal size change the sizes of the groups with every permutation.
        changed = np.stack([(chunk == g).sum(axis=1) for g in groups])
        parts.append(chi_squared(counts, changed))
    return np.concatenate(parts)
