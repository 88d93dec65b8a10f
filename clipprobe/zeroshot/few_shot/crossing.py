"""At how many shots a probe passes zero-shot, and how sure that is.

The difference of the two accuracies is made monotone over log2 of the shots (isotonic regression),
and the first place where it reaches 0 is read off, linear between two shot numbers. Below the
smallest it is ``-inf`` and reads ``<1``; above the largest it is ``inf`` and reads ``>16``: both
are answers, and legal ends of an interval. Its interval resamples draws *and* classes, the same
resample for the probe and for zero-shot: draws alone make it too narrow, because the classes are a
sample too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from clipprobe.arrays import Floats
from clipprobe.statistics import Estimate

LEVEL = 0.95
_METHOD = "bootstrap over draws and classes, {} times, 95 %"


def crossing_point(shots: Sequence[float], difference: npt.ArrayLike) -> float:
    """The shot number at which the difference first reaches 0.

    Args:
        shots: Rising shot numbers, ``(s,)``.
        difference: Accuracy of the probe minus that of zero-shot, ``(s,)``.
    Example:
        >>> crossing_point([1, 4], [-0.1, 0.1])
        2.0
        >>> crossing_point([1, 4], [0.1, 0.2]), crossing_point([1, 4], [-0.2, -0.1])
        (-inf, inf)
    """
    from scipy.optimize import isotonic_regression

    fit = isotonic_regression(np.asarray(difference, np.float64)).x
    at = np.flatnonzero(fit >= 0)
    if not len(at):
        return math.inf
    first = int(at[0])
    if fit[first] == 0:
        return float(shots[first])
    if first == 0:
        return -math.inf
    share = -fit[first - 1] / (fit[first] - fit[first - 1])
    low, high = math.log2(shots[first - 1]), math.log2(shots[first])
    return float(2 ** (low + share * (high - low)))


def crossing_text(value: float, shots: Sequence[float]) -> str:
    """How a crossing reads.

    Example:
        >>> crossing_text(-math.inf, [1, 16]), crossing_text(2.345, [1, 16])
        ('<1', '2.3')
    """
    if math.isinf(value):
        return f"<{shots[0]:g}" if value < 0 else f">{shots[-1]:g}"
    return f"{value:.1f}"


class Resamples:
    """Bootstrap resamples of draws and classes, the same for everything that is compared.

    Args:
        n_draws, n_classes: How many there are of each.
        times: Resamples.
    """

    def __init__(self, n_draws: int, n_classes: int, *, times: int = 1000, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, 7])
        self.times = times
        self.draws = rng.multinomial(n_draws, np.full(n_draws, 1 / n_draws), size=times)
        self.classes = rng.multinomial(n_classes, np.full(n_classes, 1 / n_classes), size=times)

    def means(self, right: Floats, n: Floats) -> Floats:
        """Accuracy in each resample, ``(times,)``.

        Args:
            right: Right answers of each draw and class, ``(draws, classes)``; one row where there
                are no draws, as for zero-shot.
            n: Images of each class, ``(classes,)``.
        """
        per_draw = self.classes @ right.T / (self.classes @ n)[:, None]
        if len(right) == 1:
            return np.asarray(per_draw[:, 0], np.float64)
        weighted: Floats = (per_draw * self.draws).sum(axis=1) / self.draws.sum(axis=1)
        return weighted

    def estimate(self, right: Floats, n: Floats) -> Estimate:
        """Accuracy with its interval."""
        value = float(right.sum(axis=1).mean() / n.sum())
        return self._of(value, self.means(right, n), int(n.sum()))

    def difference(self, right: Floats, base: Floats, n: Floats) -> Estimate:
        """Accuracy of ``right`` minus that of ``base``, paired over draws and classes."""
        value = float(right.sum(axis=1).mean() / n.sum() - base.sum(axis=1).mean() / n.sum())
        return self._of(value, self.means(right, n) - self.means(base, n), int(n.sum()))

    def crossing(
        self, shots: Sequence[float], curve: Sequence[Floats], base: Floats, n: Floats
    ) -> Estimate:
        """Where a curve passes zero-shot; ends may be infinite.

        Args:
            curve: Right answers at each shot number, each ``(draws, classes)``.
            base: Of zero-shot, ``(1, classes)``.
        """
        total = n.sum()
        level = base.sum() / total
        value = crossing_point(shots, [r.sum(axis=1).mean() / total - level for r in curve])
        differences = np.stack([self.means(r, n) for r in curve], axis=1)
        differences -= self.means(base, n)[:, None]
        points = np.sort([crossing_point(shots, row) for row in differences])
        # Order statistics, not a mean of two: infinite ends have no mean.
        low = points[int((1 - LEVEL) / 2 * self.times)]
        high = points[min(self.times - 1, int((1 + LEVEL) / 2 * self.times))]
        return Estimate(
            value=value, low=float(low), high=float(high), n=int(total),
            method=_METHOD.format(self.times),
        )  # fmt: skip

    def _of(self, value: float, resampled: Floats, n: int) -> Estimate:
        low, high = np.percentile(resampled, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
        same = "every resample gave the same value: the width 0 does not mean certainty"
        return Estimate(
            value=value, low=float(low), high=float(high), n=n,
            method=_METHOD.format(self.times), reason="" if low < high else same,
        )  # fmt: skip
