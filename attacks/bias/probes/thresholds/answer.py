"""From probabilities to attached labels, tests, lists and their stability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attacks.bias.evidence.answers import (
    Evidence,
    LabelSet,
    NotAnswerableError,
    ask_each,
    labels_of,
)
from attacks.bias.groups.columns import GroupColumn
from attacks.bias.measures.cells import LARGEST_MINUS_SMALLEST, Cell, Contrast, Key
from attacks.bias.measures.draws import Floats
from attacks.bias.measures.evaluation import Answer
from attacks.bias.measures.frame import Frame
from attacks.bias.measures.subjects import Subjects
from attacks.bias.probe import ProbeOptions, Sample
from attacks.bias.probes.thresholds import intervals
from attacks.bias.probes.thresholds.label_tests import (
    Counts,
    LabelTests,
    chi_squared,
    compare_labels,
    count,
)
from attacks.bias.probes.thresholds.lists import label_sets
from clipprobe.statistics import wilson

NAME = "label-thresholds"
THRESHOLDS = (0.005, 0.04)
GRID = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
TOP = 20
OVERLAP = "top labels in common"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The labels of one side of a comparison, most frequent first; ``group``: "" for a gap."""

    group: str
    labels: tuple[int, ...]


def answer(evidence: Evidence, sample: Sample, options: ProbeOptions) -> Answer:
    """Attach labels at every threshold and compare groups.

    Raises:
        NotAnswerableError: no label set has probabilities.
    """
    limits = tuple(sorted({*THRESHOLDS, *options.thresholds}))
    answered, missing = ask_each(
        label_sets(options.words, options.templates), evidence.probabilities
    )
    if not answered:
        raise NotAnswerableError("; ".join(missing))
    cells: list[Cell] = []
    for labels, p in answered:
        for column in sample.columns:
            cells += _column(p, labels, column, limits, sample)
    lists = {one.name: {"labels": one.labels, "templates": one.templates} for one, _ in answered}
    return Answer(
        cells=tuple(cells),
        labels=labels_of(answered),
        missing=tuple(missing),
        facts={"thresholds": limits, "scale": evidence.scale, "lists": lists},
    )


def percent(threshold: float) -> str:
    """``"0.5 %"``."""
    return f"{100 * threshold:g} %"


def share_key(scheme: str, threshold: float, contrast: Contrast = "value") -> Key:
    """The share of images that have a label of a list, at a threshold."""
    name = "label share" if contrast == "value" else f"label share {contrast}"
    text = f"{name} at {percent(threshold)}"
    return Key("label share", contrast=contrast, at=threshold, scheme=scheme, text=text)


def most_marked(counts: Counts, sizes: Sequence[int], levels: Sequence[str]) -> list[Side]:
    """The top labels of each side: chosen by chi-squared, sorted by how many images have them.

    Two groups have two sides; more have one list of the labels that differ most between them.
    """
    total, statistic = counts.sum(axis=0), chi_squared(counts, np.array(sizes))
    rates = counts / np.array(sizes)[:, None]
    sides = [("", np.ones(len(total), dtype=bool))]
    if len(levels) == 2:
        sides = [(levels[0], rates[0] > rates[1]), (levels[1], rates[1] > rates[0])]
    rows = []
    for group, mine in sides:
        candidates = [j for j in np.flatnonzero(mine) if statistic[j] > 0]
        best = sorted(candidates, key=lambda j: (-statistic[j], j))[:TOP]
        order = sorted(best, key=lambda j: (-total[j], j))
        rows.append(Side(group=group, labels=tuple(int(j) for j in order)))
    return rows


def _column(
    p: Floats, labels: LabelSet, column: GroupColumn, thresholds: Sequence[float], sample: Sample
) -> list[Cell]:
    subjects = sample.subjects(NAME, column)
    cells = subjects.hidden(share_key(labels.name, thresholds[0]), [labels.name])
    if len(column.levels) < 2:
        return cells
    frame = subjects.frame
    own = p[frame.inside]
    lists = {}
    for threshold in thresholds:
        hits, name = own >= threshold, f"{labels.name} at {percent(threshold)}"
        rates = _anonymous(frame, hits, name)
        tests = compare_labels(frame, rates, sample.settings, name)
        lists[threshold] = most_marked(tests.counts, frame.sizes, column.levels)
        cells += _tested(subjects, rates, tests, labels, threshold)
        cells += _shares(subjects, tests, lists[threshold], labels, threshold)
    return cells + _overlaps(subjects, own, labels, lists[thresholds[0]], thresholds)


def _anonymous(frame: Frame, hits: Any, name: str) -> Any:
    """The hits of every label in an order of its own, where draws are shared between labels.

    See :meth:`attacks.bias.measures.frame.Frame.anonymous`; no count of a group changes by it.
    """
    if not frame.conditional:
        return hits
    orders = [frame.anonymous(NAME, name, str(place)) for place in range(hits.shape[1])]
    return np.stack([hits[order, j] for j, order in enumerate(orders)], axis=1)


def _tested(
    subjects: Subjects, hits: Any, tests: LabelTests, labels: LabelSet, threshold: float
) -> list[Cell]:
    """One tested cell a label that some image has: a difference of two groups, or a gap of more."""
    frame, settings = subjects.frame, subjects.settings
    rates = tests.counts / np.array(frame.sizes)[:, None]
    low, high = intervals.ends(frame, hits, tests, settings)
    two = len(frame.sizes) == 2
    subject = subjects.compared()[0] if two else subjects.whole(LARGEST_MINUS_SMALLEST)
    key = share_key(labels.name, threshold, "difference" if two else "gap")
    why = "a maximum is above 0 by chance: see p"
    why += "" if frame.clusters is None else f"; {intervals.NO_INTERVAL}"
    values = rates[1] - rates[0] if two else np.ptp(rates, axis=0)
    cells = []
    for j, label in enumerate(labels.labels):
        if math.isnan(tests.p[j]):
            continue
        fields: dict[str, Any] = {"value": float(values[j]), "method": "value only"}
        if subject.inferred:
            fields |= {"low": float(low[j]), "high": float(high[j]), "p": float(tests.p[j])}
            fields["method"] = f"{tests.method[j]}; {intervals.method(frame, two)}"
            fields["method"] += "" if math.isnan(low[j]) else f", {100 * settings.level:g} %"
        item = f"{labels.name}: {label}"
        cells.append(subject.cell(key, item, why="" if two else why, **fields))
    return cells


def _shares(
    subjects: Subjects,
    tests: LabelTests,
    sides: Sequence[Side],
    labels: LabelSet,
    threshold: float,
) -> list[Cell]:
    """The share of each group that has a listed label: what the bars of the paper show."""
    key, clusters = share_key(labels.name, threshold), subjects.frame.clusters
    cells = []
    for side in sides:
        for place, j in enumerate(side.labels, start=1):
            for g, subject in enumerate(subjects.each(f"list of {side.group or 'all groups'}")):
                estimate = wilson(int(tests.counts[g, j]), subject.n, subjects.settings.level)
                fields, why = subject.of_estimate(estimate), ""
                if clusters is not None:
                    fields = {"value": estimate.value, "method": "value only"}
                    why = "its interval is that of the difference, over clusters"
                item = f"{labels.name}: {labels.labels[j]}"
                cells.append(subject.cell(key, item, why=why, k=place, **fields))
    return cells


def _overlaps(
    subjects: Subjects,
    p: Floats,
    labels: LabelSet,
    first: Sequence[Side],
    thresholds: Sequence[float],
) -> list[Cell]:
    """How many of the first threshold's top labels are there at other thresholds."""
    frame, start = subjects.frame, percent(thresholds[0])
    whole = replace(subjects.whole(f"at {start}"), status="inferred", reason="")
    cells = []
    for threshold in sorted({*GRID, *thresholds}):
        sides = most_marked(count(frame, p >= threshold), frame.sizes, frame.column.levels)
        text = f"{OVERLAP} with {start}"
        key = Key(OVERLAP, at=threshold, scheme=labels.name, text=text)
        for before, now in zip(first, sides, strict=True):
            union = {*before.labels, *now.labels}
            shared = len({*before.labels} & {*now.labels})
            reason = "a share of labels, not of images: no interval"
            cells.append(
                whole.cell(
                    key,
                    f"{labels.name} at {percent(threshold)}",
                    group=before.group,
                    value=shared / len(union) if union else math.nan,
                    method="Jaccard index",
                    reason=reason if union else "no label is attached to this side",
                )
            )
    return cells
