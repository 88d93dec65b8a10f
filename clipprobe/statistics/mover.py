"""The difference of two estimates from their intervals alone."""

from __future__ import annotations

import math

from clipprobe.statistics.estimate import Estimate


def difference_of_estimates(a: Estimate, b: Estimate, *, n: int, why: str = "") -> Estimate:
    """``a - b`` with an interval put together from both (MOVER, Zou & Donner 2008).

    Each end is as far from the difference as the two ends that lead to it, squared and added (for
    rates with Wilson intervals this is Newcombe's). It takes the two as independent: where they are
    of the same items it is rather too wide. It always has a width where one of the two has.

    Args:
        a, b: With their intervals. n: Observations behind the difference.
        why: Why nothing closer is given, for the method.
    Returns:
        Undefined ends with a reason where one of the two has none.

    Example:
        >>> a = Estimate(value=0.5, low=0.2, high=0.8, n=9, method="x")
        >>> b = Estimate(value=0.1, low=0.1, high=0.5, n=9, method="x")
        >>> found = difference_of_estimates(a, b, n=9)
        >>> round(found.low, 3), round(found.high, 3)
        (-0.1, 0.7)
    """
    value = a.value - b.value
    low, high = mover((a.value, a.low, a.high), (b.value, b.low, b.high))
    absent = math.isnan(low) or math.isnan(high)
    return Estimate(
        value=value, low=low, high=high, n=n,
        method="from both intervals, as if independent (MOVER)" + (f": {why}" if why else ""),
        reason="one of the two has no interval" if absent else "",
    )  # fmt: skip


def mover(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float]:
    """Ends of ``a - b``, each given as its value, low and high end.

    Example:
        >>> [round(end, 3) for end in mover((0.5, 0.2, 0.8), (0.1, 0.1, 0.5))]
        [-0.1, 0.7]
    """
    (value, low, high), (other, other_low, other_high) = a, b
    difference = value - other
    return (
        difference - math.hypot(value - low, other_high - other),
        difference + math.hypot(high - value, other - other_low),
    )
