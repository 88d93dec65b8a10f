"""Three explanations made from the truth: the measure of every measure.

``perfect`` is the thing itself. ``random importance`` is random strengths, on average twice as
strong on the thing. ``random`` is random everywhere. A metric that does not rank them in this order
does not measure what it is named after, on these data, and is not printed ("SURF", CVPR 2026, found
metrics in use that give a random explanation full marks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clipprobe.arrays import Floats
from clipprobe.attribution.faithfulness.cases import CaseOnGrid

if TYPE_CHECKING:
    from clipprobe.statistics import Estimate

PERFECT, RANDOM_IMPORTANCE, RANDOM = "perfect", "random importance", "random"
TRUTHS = (PERFECT, RANDOM_IMPORTANCE, RANDOM)


def truth_maps(truth: CaseOnGrid, own: int, rng: np.random.Generator) -> dict[str, Floats]:
    """The three maps ``(rows, columns)`` of one case."""
    shape = truth.patches.shape[1:]
    return {
        PERFECT: truth.patches[own].copy(),
        RANDOM_IMPORTANCE: rng.random(shape) * (1 + truth.patches[own]),
        RANDOM: rng.random(shape),
    }


def why_refused(estimates: dict[str, Estimate]) -> str:
    """Why a metric is not printed; empty where it ranks the three.

    Perfect must be above random by their intervals, and random importance between the two.
    """
    perfect, middle, random = (estimates[name] for name in TRUTHS)
    if not all(one.defined for one in (perfect, middle, random)):
        return f"it is undefined on these data ({perfect.reason or random.reason})"
    if perfect.value < middle.value or middle.value < random.value:
        return (
            f"it ranks perfect {perfect.value:.3f}, random importance {middle.value:.3f}, random "
            f"{random.value:.3f}, which is not that order"
        )
    if not perfect.low > random.high:
        return (
            f"it does not tell perfect ({perfect.low:.3f} to {perfect.high:.3f}) from random "
            f"({random.low:.3f} to {random.high:.3f}) on so few cases"
        )
    return ""
