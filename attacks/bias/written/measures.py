"""From answers under four conditions to cells: rates, shifts, and how groups differ in them.

    shift_g      = Rate_g(word) - Rate_g(nonsense), paired over the images of g
    difference   = shift_g - shift_rest              (of two groups: the one less the other)
    gap          = max_g shift_g - min_g shift_g

The nonsense word stands in the same place at the same size, so a shift is what *reading* adds to
clutter. The same is computed of margins (cosine with the label less the largest with another):
they move where a rate is stuck at 0 or 1. A shift's interval is a paired bootstrap within the
group; a difference's a bootstrap of clusters within groups, its p comes from permuting the group
labels over clusters. Where all images of a side answer alike a bootstrap of rates has no width;
then the two sides' own intervals (Wilson's bound there) are put together as in Zou & Donner 2008
(doi:10.1002/sim.3095).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attacks.bias.measures.cells import Cell
from attacks.bias.measures.rates import rate_cells
from attacks.bias.measures.subjects import Subjects
from attacks.bias.probe import Sample
from attacks.bias.written.differences import difference_cells, gap_cell, resample
from attacks.bias.written.encode import CONDITIONS, Answers
from attacks.bias.written.question import Question
from attacks.bias.written.shifts import (
    CLUTTER,
    MARGIN_SHIFT,
    PROBE,
    SHIFT,
    OutcomeAnswers,
    rate_of,
    shift_cells,
)


def written_cells(answers: Answers, question: Question, sample: Sample) -> list[Cell]:
    """Every figure of every outcome in every group column, uncorrected."""
    place = {word: i for i, word in enumerate(question.words)}
    cells: list[Cell] = []
    for column in sample.columns:
        subjects = sample.subjects(PROBE, column)
        inside = subjects.frame.inside
        by_outcome = [
            OutcomeAnswers(
                item=outcome.item,
                hits={
                    condition: outcome.hits(answers.under(condition, place[outcome.word])[inside])
                    for condition in CONDITIONS
                },
                margin=(answers.margin("word", j) - answers.margin("nonsense", j))[inside],
            )
            for j, outcome in enumerate(question.outcomes)
        ]
        cells += _column(subjects, by_outcome)
    return cells


def _column(subjects: Subjects, by_outcome: Sequence[OutcomeAnswers]) -> list[Cell]:
    cells: list[Cell] = []
    items = [one.item for one in by_outcome]
    for one in by_outcome:
        for condition in CONDITIONS:
            hits = one.hits[condition]
            cells += rate_cells(subjects, hits, rate_of(condition), one.item, compare=False)
    for measure in (SHIFT, CLUTTER, MARGIN_SHIFT):
        cells += subjects.hidden(measure, items)
        for one in by_outcome:
            cells += shift_cells(subjects, one, measure)
    if len(subjects.frame.column.levels) < 2:
        return cells
    shifts = [(one, shift) for shift in (SHIFT, MARGIN_SHIFT) for one in by_outcome]
    changes = np.stack([one.change(shift) for one, shift in shifts], axis=1)
    moved = resample(subjects.frame, changes, [f"{shift} {one.item}" for one, shift in shifts])
    for j, (one, shift) in enumerate(shifts):
        cells += difference_cells(subjects, moved.outcome(j), one, shift)
        cells.append(gap_cell(subjects, moved.outcome(j), one, shift))
    return cells
