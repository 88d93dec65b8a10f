"""One score of one image, explained: where in the image it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipprobe.arrays import Floats
from clipprobe.runs.jsonio import AsJson

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(AsJson):
    """An attribution map."""

    method: str
    """Name of the method."""
    target: str
    """The texts, or the unit with its pooling."""
    kind: str
    """``text`` or ``unit``."""
    map: Array
    """``(h, w)`` attributions at the method's own resolution; positive raises the score."""
    resolution: str
    """``pixels`` (of the model's input) or ``patches``."""
    units: str
    """What the numbers of the map are, and what their sum means."""
    tokens: Array
    """``(n_patches,)`` attribution of each patch, row by row, without the class token; of a map in
    pixels, the sum over each patch."""
    grid: tuple[int, int]
    """Rows and columns of the patches."""
    score: float
    """What is explained."""
    baseline_score: float
    """The score of the baseline; NaN where the method has none."""
    completeness_gap: float
    """``|sum(map) + constant - (score - baseline_score)|`` as a share of
    ``|score - baseline_score|``; NaN where undefined."""
    reason: str
    """Why numbers are undefined; empty where all are defined."""
    settings: Mapping[str, Any]
    """Settings of the method, resolved."""
    provenance: Mapping[str, Any]
    """Model, versions, target."""
    caution: str = ""
    """What is known against maps of this kind; empty if nothing."""
    constant: float = 0.0
    """What belongs to no patch: the class token's share and other constants; 0 where the method has
    none."""
    against: tuple[str, ...] = ()
    """Texts whose mean was subtracted from the text."""
    centred: bool = False
    """Whether the mean text was subtracted from the text."""

    @property
    def patches(self) -> Array:
        """:attr:`tokens` laid out on the grid, ``(rows, columns)``."""
        return self.tokens.reshape(self.grid)

    @property
    def less(self) -> str:
        """What was subtracted from the text, in words; empty where nothing was."""
        if self.against:
            return f" less {' | '.join(self.against)}"
        return " less the mean text" if self.centred else ""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Explanation:
        """The inverse of :meth:`to_json`."""
        fields = dict(data)
        for name in _NUMBERS:
            fields[name] = math.nan if fields[name] is None else float(fields[name])
        fields["map"] = np.array(fields["map"], np.float32)
        fields["tokens"] = np.array(fields["tokens"], np.float32)
        fields["against"] = tuple(fields["against"])
        fields["grid"] = (int(fields["grid"][0]), int(fields["grid"][1]))
        return cls(**fields)


_NUMBERS = ("score", "baseline_score", "completeness_gap", "constant")
SMALLEST_EFFECT = 1e-5
"""Difference to the baseline below which float32 leaves no digits to check completeness with."""


def completeness_gaps(totals: Floats, scores: Floats, baselines: Floats) -> Floats:
    """``|total - (score - baseline)|`` as a share of ``|score - baseline|``, for each pair.

    NaN where the two scores are so close that float32 leaves no digits to compare.
    """
    effect = scores - baselines
    known = np.abs(effect) > SMALLEST_EFFECT
    gaps = np.abs(totals - effect) / np.where(known, np.abs(effect), 1.0)
    return np.where(known, gaps, np.nan)
