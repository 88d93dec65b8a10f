"""From yes/no outcomes under four conditions to cells: rates, shifts, how groups differ in them.

    shift_g      = Rate_g(word) - Rate_g(nonsense), paired over the pictures of g
    difference   = shift_g - shift_rest              (of two groups: the one less the other)
    gap          = max_g shift_g - min_g shift_g

The nonsense word stands in the same place at the same size, so a shift is what *reading* adds to
clutter. A shift's interval is a paired bootstrap within the group; a difference's a bootstrap of
clusters within groups, its p comes from permuting the group labels over clusters. Where all
pictures of a side answer alike a bootstrap has no width; then the two sides' own intervals
(Wilson's bound there) are put together as in Zou & Donner 2008 (doi:10.1002/sim.3095).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.bias.cells import Cell
from attacks.bias.frame import Frame, make_frame
from attacks.bias.groups import GroupColumn
from attacks.bias.measures import floor, hidden, percentile_interval
from attacks.bias.rates import Hits, rate_cells
from attacks.bias.resampling import Floats, Ints
from attacks.bias.settings import Settings
from attacks.bias.written.encode import CONDITIONS, Answers
from attacks.bias.written.question import Outcome, Question
from clipprobe.statistics import Estimate, difference_of_paired_proportions, permutation_p

PROBE = "written-words"
SHIFT = "reading shift"
CLUTTER = "clutter shift"
DIFFERENCE = "difference of reading shifts"
GAP = "gap of reading shifts"
_PAIRS = {SHIFT: ("word", "nonsense"), CLUTTER: ("nonsense", "clean")}


def rate_of(condition: str) -> str:
    """The measure's name of the label rate under a condition."""
    return f"label rate ({condition})"


def written_cells(
    answers: Answers,
    question: Question,
    columns: Sequence[GroupColumn],
    clusters: Ints | None,
    settings: Settings,
) -> list[Cell]:
    """Every figure of every outcome in every group column, uncorrected."""
    place = {word: i for i, word in enumerate(question.words)}
    cells: list[Cell] = []
    for column in columns:
        frame = make_frame(
            np.zeros((len(column.labels), 1)), column, clusters, settings
        )  # the outcomes come later, the draws are shared
        inside = column.labels >= 0
        hits = [
            {
                condition: outcome.hits(answers.under(condition, place[outcome.word])[inside])
                for condition in CONDITIONS
            }
            for outcome in question.outcomes
        ]
        cells += _column(frame, question.outcomes, hits, settings)
    return cells


def _column(
    frame: Frame,
    outcomes: Sequence[Outcome],
    hits: Sequence[dict[str, Hits]],
    settings: Settings,
) -> list[Cell]:
    cells: list[Cell] = []
    items = [outcome.item for outcome in outcomes]
    for item, under in zip(items, hits, strict=True):
        for condition in CONDITIONS:
            cells += rate_cells(
                frame, under[condition], probe=PROBE, measure=rate_of(condition), item=item,
                settings=settings, compare=False,
            )  # fmt: skip
    for measure, (after, before) in _PAIRS.items():
        cells += hidden(frame, items, PROBE, measure)
        for item, under in zip(items, hits, strict=True):
            cells += _shifts(frame, under[after], under[before], measure, item, settings)
    if len(frame.column.levels) < 2:
        return cells
    moved = _resample(frame, hits)
    for j, (item, under) in enumerate(zip(items, hits, strict=True)):
        one = moved.outcome(j)
        cells += _differences(frame, one, under, item, settings)
        cells.append(_gap(frame, one, item, settings))
    return cells


def _shifts(
    frame: Frame, after: Hits, before: Hits, measure: str, item: str, settings: Settings
) -> list[Cell]:
    """The paired change of each group, and of all."""
    cells = []
    for g, level in [*enumerate(frame.column.levels), (-1, "")]:
        rows = frame.labels == g if g >= 0 else np.ones(len(frame.labels), dtype=bool)
        if not rows.any():
            continue
        status, reason = frame.judge([g]) if g >= 0 else ("inferred", "")
        found = paired(frame, after, before, rows, settings)
        given: dict[str, Any] = {"value": found.value, "method": "value only"}
        if status == "inferred":
            given |= {"low": found.low, "high": found.high, "method": f"paired: {found.method}"}
        cells.append(
            Cell(
                probe=PROBE, measure=measure, item=item, column=frame.column.name, group=level,
                reference=_PAIRS[measure][1], n=int(rows.sum()), n_reference=0, status=status,
                reason=reason or found.reason, **given,
            )
        )  # fmt: skip
    return cells


def paired(
    frame: Frame, after: Hits, before: Hits, rows: NDArray[np.bool_], settings: Settings
) -> Estimate:
    """The change of the rate over some pictures, with its paired interval."""
    return difference_of_paired_proportions(
        after[rows],
        before[rows],
        clusters=None if frame.clusters is None else frame.clusters[rows],
        n_boot=settings.n_boot,
        seed=settings.seed,
        level=settings.level,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Shifts of the groups: ``value`` ``(g, k)``, ``boot`` and ``null`` ``(draws, g, k)``."""

    value: Floats
    boot: Floats
    null: Floats

    def outcome(self, j: int) -> Moved:
        """Those of one outcome, without the last axis."""
        return Moved(
            value=self.value[:, j],
            boot=self.boot[:, :, j],
            null=self.null[:, :, j],
        )


def _resample(frame: Frame, hits: Sequence[dict[str, Hits]]) -> Moved:
    """Every outcome's shifts as seen, under resampled clusters, and under permuted labels."""
    # Whole numbers far below 2 ** 24: exact as float32, which is twice as fast.
    change = np.stack([h["word"].astype(np.float32) - h["nonsense"] for h in hits], axis=1)
    levels = range(len(frame.sizes))
    inside = [frame.labels == g for g in levels]
    value = np.stack([change[rows].mean(axis=0, dtype=np.float64) for rows in inside])
    boot, null = [], []
    for copies in frame.weights:
        sums = [_means(copies[:, rows].astype(np.float32), change[rows]) for rows in inside]
        boot.append(np.stack(sums, axis=1))
    for labels in frame.permutations:
        sums = [_means((labels == g).astype(np.float32), change) for g in levels]
        null.append(np.stack(sums, axis=1))
    return Moved(value=value, boot=np.concatenate(boot), null=np.concatenate(null))


def _means(weights: NDArray[np.float32], change: NDArray[np.float32]) -> Floats:
    """Weighted means ``(b, k)`` of changes ``(n, k)``, weights ``(b, n)``."""
    with np.errstate(invalid="ignore"):  # a group that a resample left empty has no mean
        total = weights.sum(axis=1, dtype=np.float64)[:, None]
        means: Floats = (weights @ change).astype(np.float64) / total
    return means


def _differences(
    frame: Frame, moved: Moved, under: dict[str, Hits], item: str, settings: Settings
) -> list[Cell]:
    levels = frame.column.levels
    sides = [(1, [0])] if len(levels) == 2 else [
        (g, [h for h in range(len(levels)) if h != g]) for g in range(len(levels))
    ]  # fmt: skip
    cells = []
    for g, others in sides:
        sizes = np.array([frame.sizes[h] for h in others], dtype=np.float64)
        shares = sizes / sizes.sum()
        value = float(moved.value[g] - moved.value[others] @ shares)
        null = moved.null[:, g] - moved.null[:, others] @ shares
        status, reason = frame.judge([g], others)
        given: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
        if status == "inferred":
            low, high, how = _interval(frame, moved, under, g, others, shares, settings)
            given |= {
                "low": low,
                "high": high,
                "p": permutation_p(value, null, "two-sided"),
                "method": f"{how}, {len(null)} permutations",
            }
        cells.append(
            Cell(
                probe=PROBE, measure=DIFFERENCE, item=item, column=frame.column.name,
                group=levels[g], reference=levels[0] if len(levels) == 2 else "rest",
                n=frame.sizes[g], n_reference=int(sizes.sum()), status=status, reason=reason,
                **given,
            )
        )  # fmt: skip
    return cells


def _interval(
    frame: Frame,
    moved: Moved,
    under: dict[str, Hits],
    g: int,
    others: list[int],
    shares: Floats,
    settings: Settings,
) -> tuple[float, float, str]:
    """Ends of a difference's interval, and how they were found."""
    level = f"{100 * settings.level:g} %"
    one, rest = moved.boot[:, g], moved.boot[:, others] @ shares
    if np.ptp(one) > 0 and np.ptp(rest) > 0:
        low, high = percentile_interval(one - rest, settings.level)
        unit = "clusters" if frame.clusters is not None else "images"
        return low, high, f"bootstrap of {unit} within groups ({settings.n_boot} draws, {level})"
    rows = [frame.labels == g, np.isin(frame.labels, others)]
    a, b = (paired(frame, under["word"], under["nonsense"], side, settings) for side in rows)
    below = math.hypot(a.value - a.low, b.high - b.value)
    above = math.hypot(a.high - a.value, b.value - b.low)
    value = a.value - b.value
    how = f"from both sides' paired intervals (Zou and Donner, {level})"
    return max(-2.0, value - below), min(2.0, value + above), how


def _gap(frame: Frame, moved: Moved, item: str, settings: Settings) -> Cell:
    value, null = float(np.ptp(moved.value)), np.ptp(moved.null, axis=1)
    status, reason = frame.judge_all()
    given: dict[str, Any] = {"value": value, **floor(value, null), "method": "value only"}
    if status == "inferred":
        away = np.ptp(moved.boot - moved.value, axis=1)
        bound = float(np.percentile(away, 100 * settings.level))
        given["method"] = f"{len(null)} permutations"
        if bound > 0:
            given |= {
                "low": max(0.0, value - bound),
                "high": min(2.0, value + bound),
                "method": f"bootstrap bound on the largest deviation between groups "
                f"({settings.n_boot} draws, {100 * settings.level:g} %), {len(null)} permutations",
            }
        else:
            reason = "no interval: every resample gave the same value"
        if len(frame.sizes) > 2:  # of two groups the difference is the same test
            given["p"] = permutation_p(value, null)
    return Cell(
        probe=PROBE, measure=GAP, item=item, column=frame.column.name, group="",
        reference="largest minus smallest", n=len(frame.labels), n_reference=0, status=status,
        reason=reason or "a maximum is above 0 by chance: see the excess", **given,
    )  # fmt: skip
