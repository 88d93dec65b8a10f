"""All that was measured over a data set, before it is summarised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.typographic.reading.measure import Arrays
from attacks.typographic.reading.pairs import CONDITIONS, PlannedImage
from clipprobe.tracing.ranking import Ranking
from clipprobe.zeroshot.classes import Classes

#: Why there are no shares of a change that is not there.
NOTHING = "the attack did not raise the margin of the written word"


def causal(effects: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """``(n, contrast, 2, units)`` -> ``(n, units)``: both directions averaged, for the attack."""
    mean: npt.NDArray[np.float64] = effects[:, 0].mean(axis=1)
    return mean


def reading(effects: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """As :func:`causal`, the attack minus the nonsense control."""
    mean: npt.NDArray[np.float64] = (effects[:, 0] - effects[:, 1]).mean(axis=1)
    return mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurements:
    """All that was measured; arrays have one row for each planned image.

    ``neuron_units``: ``(block, neuron)`` of the patched neurons, listed ones first.
    ``curves``, ``greedy``: plain JSON, see :mod:`ablation`.
    """

    planned: list[PlannedImage]
    classes: Classes
    chooses: npt.NDArray[np.bool_]
    arrays: Arrays
    heads: Ranking
    neurons: Ranking
    neuron_units: list[tuple[int, int]]
    neuron_effects: npt.NDArray[np.float64]
    curves: dict[str, Any]
    greedy: dict[str, Any]
    n_blocks: int
    n_heads: int

    @property
    def images(self) -> npt.NDArray[np.str_]:
        """Image of each row."""
        return np.array([one.case.record.id for one in self.planned])

    def change(self, kind: str = "attack") -> npt.NDArray[np.float64]:
        """Change of the margin from the clean image, in logits."""
        margins = self.arrays["margin"]
        change: npt.NDArray[np.float64] = margins[:, CONDITIONS.index(kind)] - margins[:, 0]
        return change

    def hits(self, kind: str) -> npt.NDArray[np.bool_]:
        """Whether the answer is the written word's class."""
        group = self.classes.group
        targets = group[[one.target for one in self.planned]]
        hit: npt.NDArray[np.bool_] = self.arrays["answer"][:, CONDITIONS.index(kind)] == targets
        return hit

    def attention(self, kind: str) -> npt.NDArray[np.float64]:
        """Share of class-token attention on the ink's patches, ``(n, block, head)``."""
        share: npt.NDArray[np.float64] = self.arrays["attention"][:, CONDITIONS.index(kind)]
        return share
