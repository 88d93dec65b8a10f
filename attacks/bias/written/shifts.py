"""The shift of each group: what a written word adds to a nonsense word, for the same images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.measures.cells import Cell, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.rates import Hits
from attacks.bias.measures.subjects import Subjects
from clipprobe.statistics import Estimate, cluster_bootstrap, difference_of_paired_proportions

PROBE = "written-words"
SHIFT, CLUTTER, MARGIN_SHIFT = Key("reading shift"), Key("clutter shift"), Key("margin shift")
_PAIRS = {SHIFT: ("word", "nonsense"), CLUTTER: ("nonsense", "clean")}


def rate_of(condition: str) -> Key:
    """The label rate under a condition."""
    return Key("label rate", scheme=condition, text=f"label rate ({condition})")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeAnswers:
    """One outcome over the images of a frame.

    ``hits``: condition -> ``(n,)``. ``margin``: ``(n,)``, with the word less that with the
    nonsense word.
    """

    item: str
    hits: dict[str, Hits]
    margin: Floats

    def change(self, shift: Key) -> Floats:
        """``(n,)``: what one condition adds to another, as a hit or as a margin."""
        if shift == MARGIN_SHIFT:
            return self.margin
        after, before = _PAIRS[shift]
        return self.hits[after].astype(np.float64) - self.hits[before]


def shift_cells(subjects: Subjects, one: OutcomeAnswers, shift: Key) -> list[Cell]:
    """The paired change of each group, and of all."""
    frame, settings, cells = subjects.frame, subjects.settings, []
    for subject in [*subjects.each(), *([subjects.together()] if frame.sizes else [])]:
        rows = np.isin(frame.labels, subject.groups)
        if not rows.any():
            continue
        mean_shift = paired(frame, one, shift, rows, settings)
        fields = subject.of_estimate(mean_shift, "paired: ")
        before = _PAIRS.get(shift, _PAIRS[SHIFT])[1]
        cells.append(
            subject.cell(shift, one.item, why=mean_shift.reason, reference=before, **fields)
        )
    return cells


def paired(
    frame: Frame, one: OutcomeAnswers, shift: Key, rows: NDArray[np.bool_], settings: Settings
) -> Estimate:
    """A shift over some images, with its paired interval."""
    clusters = None if frame.clusters is None else frame.clusters[rows]
    options: dict[str, Any] = {
        "clusters": clusters,
        "n_boot": settings.n_boot,
        "seed": settings.seed,
        "level": settings.level,
    }
    if shift == MARGIN_SHIFT:
        return cluster_bootstrap(one.margin[rows], **options)
    after, before = (one.hits[condition][rows] for condition in _PAIRS[shift])
    return difference_of_paired_proportions(after, before, **options)
