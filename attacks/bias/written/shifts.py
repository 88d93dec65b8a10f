"""The shift of each group: what a written word adds to a nonsense word, for the same pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.cells import Cell
from attacks.bias.measures.draws import Copies, Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.rates import Hits
from clipprobe.statistics import Estimate, cluster_bootstrap, difference_of_paired_proportions

PROBE = "written-words"
SHIFT = "reading shift"
CLUTTER = "clutter shift"
MARGIN_SHIFT = "margin shift"
_PAIRS = {SHIFT: ("word", "nonsense"), CLUTTER: ("nonsense", "clean")}


def rate_of(condition: str) -> str:
    """The measure's name of the label rate under a condition."""
    return f"label rate ({condition})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One outcome over the pictures of a frame.

    ``hits``: condition -> ``(n,)``. ``margin``: ``(n,)``, with the word less that with the
    nonsense word.
    """

    item: str
    hits: dict[str, Hits]
    margin: Floats

    def change(self, shift: str) -> Floats:
        """``(n,)``: what one condition adds to another, as a hit or as a margin."""
        if shift == MARGIN_SHIFT:
            return self.margin
        after, before = _PAIRS[shift]
        return self.hits[after].astype(np.float64) - self.hits[before]


def group_means(frame: Frame, weights: Iterable[Copies], change: Floats) -> Floats:
    """Mean changes by group under copies of the pictures: ``(n, k)`` -> ``(draws, g, k)``."""
    inside = [frame.labels == g for g in range(len(frame.sizes))]
    parts = []
    for copies in weights:
        chunk = copies.astype(np.float64)
        means = [weighted_means(chunk[:, rows], change[rows]) for rows in inside]
        parts.append(np.stack(means, axis=1))
    return np.concatenate(parts)


def weighted_means(weights: Floats, change: Floats) -> Floats:
    """Weighted means ``(b, k)`` of changes ``(n, k)``, weights ``(b, n)``."""
    with np.errstate(invalid="ignore"):  # a group that a resample left empty has no mean
        means: Floats = (weights @ change) / weights.sum(axis=1)[:, None]
    return means


def shift_cells(frame: Frame, one: Seen, measure: str, settings: Settings) -> list[Cell]:
    """The paired change of each group, and of all."""
    cells = []
    for g, level in [*enumerate(frame.column.levels), (-1, "")]:
        rows = frame.labels == g if g >= 0 else np.ones(len(frame.labels), dtype=bool)
        if not rows.any():
            continue
        status, reason = frame.judge([g] if g >= 0 else range(len(frame.sizes)))
        found = paired(frame, one, measure, rows, settings)
        given: dict[str, Any] = {"value": found.value, "method": "value only"}
        if status == "inferred":
            given |= {"low": found.low, "high": found.high, "method": f"paired: {found.method}"}
        cells.append(
            Cell(
                probe=PROBE, measure=measure, item=one.item, column=frame.column.name,
                group=level, reference=_PAIRS.get(measure, _PAIRS[SHIFT])[1], n=int(rows.sum()),
                n_reference=0, status=status, reason=reason or found.reason, **given,
            )
        )  # fmt: skip
    return cells


def paired(
    frame: Frame, one: Seen, measure: str, rows: NDArray[np.bool_], settings: Settings
) -> Estimate:
    """A shift over some pictures, with its paired interval."""
    clusters = None if frame.clusters is None else frame.clusters[rows]
    drawn: dict[str, Any] = {
        "clusters": clusters,
        "n_boot": settings.n_boot,
        "seed": settings.seed,
        "level": settings.level,
    }
    if measure == MARGIN_SHIFT:
        return cluster_bootstrap(one.margin[rows], **drawn)
    after, before = (one.hits[condition][rows] for condition in _PAIRS[measure])
    return difference_of_paired_proportions(after, before, **drawn)
