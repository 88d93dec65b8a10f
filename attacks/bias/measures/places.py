"""Intervals of what the top of a ranking is made of: Wilson on the k places, carried over.

A group's share of the first k places is a proportion of k, so it has Wilson's interval, which keeps
a width where a group fills all places or none (a bootstrap of such a share has none, and covers
nothing). Skew, Bias@k and entropy are functions of the shares; their ends are those of the shares:

    skew      ln(end / target share), which grows with the share
    Bias@k    2 end - 1, of two groups
    MaxSkew, MinSkew    largest (smallest) of the groups' ends
    entropy   its smallest and largest value over all shares within the intervals

The last two need intervals that hold for all groups at once: those are Wilson's at a Bonferroni
level. Two groups need no correction, because their shares add up to 1. For more groups the bounds
are conservative. The k places are taken as independent; images of the groups are fixed in number,
which makes shares vary a little less than that.
"""

from __future__ import annotations

import numpy as np

from attacks.bias.measures.draws import Floats


def wilson_shares(
    counts: Floats, places: float, level: float, *, together: bool = False
) -> tuple[Floats, Floats]:
    """Ends of the groups' shares of the places, ``(n_groups,)`` each.

    Args:
        counts: Images of each group, ``(n_groups,)``; tied ones can make them fractions.
        places: Independent places: their number, or fewer where images come in clusters.
        together: Whether all intervals are to hold at once.

    Example:
        >>> low, high = wilson_shares(np.array([20.0, 0.0]), 20, 0.95)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.839, 0.0], [1.0, 0.161])
    """
    from statsmodels.stats.proportion import proportion_confint

    n_groups = len(counts)
    alpha = (1 - level) / (n_groups if together and n_groups > 2 else 1)
    shares = counts / counts.sum()
    low, high = proportion_confint(shares * places, places, alpha=alpha, method="wilson")
    # Exactly, where rounding leaves dust.
    return np.where(shares == 0, 0.0, low), np.where(shares == 1, 1.0, high)


def entropy_ends(low: Floats, high: Floats) -> tuple[float, float]:
    """Bounds of the normalised entropy of shares that lie within ``[low, high]``, ``(n_groups,)``.

    The largest entropy has the most equal shares: all at one level, as far as their ends allow. The
    smallest is bounded by the chords of ``-s ln s``, which lie below it: their sum is linear in the
    shares, so what is left after the lower ends goes where it raises it least. For two groups that
    is the exact minimum, at an end.

    Example:
        >>> [round(x, 3) for x in entropy_ends(np.array([0.2, 0.4]), np.array([0.6, 0.8]))]
        [0.722, 1.0]
    """
    n_groups = len(low)
    most = min(1.0, entropy_terms(_levelled(low, high)).sum() / np.log(n_groups))
    ends = entropy_terms(low), entropy_terms(high)
    width = high - low
    slope = np.divide(ends[1] - ends[0], width, out=np.zeros_like(width), where=width > 0)
    order = np.argsort(slope, kind="stable")
    room = np.cumsum(width[order])
    added = np.clip(1 - low.sum() - (room - width[order]), 0.0, width[order])
    least = (ends[0].sum() + float(added @ slope[order])) / np.log(n_groups)
    return max(0.0, float(least)), float(most)


def _levelled(low: Floats, high: Floats) -> Floats:
    """The most equal shares within the ends: ``clip(level, low, high)``, adding up to 1."""
    below, above = 0.0, 1.0
    for _ in range(60):
        level = (below + above) / 2
        below, above = (level, above) if np.clip(level, low, high).sum() < 1 else (below, level)
    shares: Floats = np.clip(above, low, high)
    return shares


def entropy_terms(shares: Floats) -> Floats:
    """``-s ln s`` of every share, 0 of none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.where(shares > 0, -shares * np.log(shares), 0.0)
    return result
