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
from attacks.bias.measures.group_sums import resampled_means
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.subjects import Subjects, percentile_interval
from attacks.bias.probe import ProbeOptions, Sample
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
NO_INTERVAL = "no interval, as resampling clusters raises the gap of three and more groups"


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
    low, high = _ends(frame, hits, tests, settings)
    two = len(frame.sizes) == 2
    subject = subjects.compared()[0] if two else subjects.whole(LARGEST_MINUS_SMALLEST)
    key = share_key(labels.name, threshold, "difference" if two else "gap")
    why = "a maximum is above 0 by chance: see p"
    why += "" if frame.clusters is None else f"; {NO_INTERVAL}"
    values = rates[1] - rates[0] if two else np.ptp(rates, axis=0)
    cells = []
    for j, label in enumerate(labels.labels):
        if math.isnan(tests.p[j]):
            continue
        fields: dict[str, Any] = {"value": float(values[j]), "method": "value only"}
        if subject.inferred:
            fields |= {"low": float(low[j]), "high": float(high[j]), "p": float(tests.p[j])}
            fields["method"] = f"{tests.method[j]}; {_how(frame, two)}"
            fields["method"] += "" if math.isnan(low[j]) else f", {100 * settings.level:g} %"
        item = f"{labels.name}: {label}"
        cells.append(subject.cell(key, item, why="" if two else why, **fields))
    return cells


def _how(frame: Frame, two: bool) -> str:
    if frame.clusters is not None:
        return "bootstrap of clusters" if two else NO_INTERVAL
    return "Newcombe" if two else "from Wilson intervals that hold for all groups at once"


def _ends(frame: Frame, hits: Any, tests: LabelTests, settings: Settings) -> tuple[Floats, Floats]:
    """Ends of the interval of each label's difference or gap, ``(m,)`` each.

    Newcombe 1998 (method 10) for two groups. For more, Wilson intervals at a Bonferroni level
    bound every group at once, and so their range. With clusters the bootstrap of a range is too
    high on average, so a gap has none.
    """
    from statsmodels.stats.proportion import proportion_confint

    sizes = np.array(frame.sizes)
    if frame.clusters is not None:
        if len(sizes) > 2:
            return np.full(hits.shape[1], np.nan), np.full(hits.shape[1], np.nan)
        return _bootstrapped(frame, hits, tests, settings)
    rates = tests.counts / sizes[:, None]
    alpha = (1 - settings.level) / (1 if len(sizes) == 2 else len(sizes))
    lower, upper = proportion_confint(tests.counts, sizes[:, None], alpha, method="wilson")
    if len(sizes) == 2:
        return _from_both(rates, lower, upper)
    low = np.maximum(0.0, lower.max(axis=0) - upper.min(axis=0))
    return low, upper.max(axis=0) - lower.min(axis=0)


def _from_both(rates: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Ends of the second rate less the first, from both sides' ends, ``(2, m)`` each."""
    value = rates[1] - rates[0]
    down = np.hypot(rates[1] - lower[1], upper[0] - rates[0])
    up = np.hypot(upper[1] - rates[1], rates[0] - lower[0])
    return value - down, value + up


def _bootstrapped(
    frame: Frame, hits: Any, tests: LabelTests, settings: Settings
) -> tuple[Floats, Floats]:
    """Of two groups, whole clusters resampled; where all clusters of a side answer alike, from both
    sides' ends, that side's being Wilson's over its clusters, as in
    :mod:`attacks.bias.measures.rates`."""
    from statsmodels.stats.proportion import proportion_confint

    means = resampled_means(hits.astype(np.float64), frame.labels, frame.weights, 2)
    draws = means.transpose(1, 0, 2)

    def ends(values: Floats) -> Floats:
        return np.array([percentile_interval(column, settings.level) for column in values.T]).T

    low, high = ends(draws[1] - draws[0])
    rates, still = tests.counts / np.array(frame.sizes)[:, None], np.ptp(draws, axis=1) == 0
    sides = np.stack([ends(side) for side in draws])  # (2, ends, m)
    for g, k in enumerate(frame.n_clusters):
        wilson = proportion_confint(rates[g] * k, k, alpha=1 - settings.level, method="wilson")
        sides[g][:, still[g]] = np.array(wilson)[:, still[g]]
    below, above = _from_both(rates, np.minimum(sides[:, 0], rates), np.maximum(sides[:, 1], rates))
    alike = still.any(axis=0)
    return np.where(alike, below, low), np.where(alike, above, high)


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
