"""The report of the audit of attribution methods, and its headline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clipprobe.attribution.faithfulness.lead import lead_of
from clipprobe.attribution.faithfulness.randomisation import RANDOMISATION
from clipprobe.attribution.faithfulness.result import Faithfulness, Row
from clipprobe.attribution.faithfulness.settings import QUESTIONS
from clipprobe.attribution.faithfulness.truths import TRUTHS
from clipprobe.report import Block, Page, Paragraph, Section, Table
from clipprobe.report import Warning as Note
from clipprobe.statistics import undefined

LEADING = ("zone", "inside", "map", "insertion")
"""What the headline and the order of the tables read, the first that was measured."""
_GROUPS = {
    "Pointing": ("inside", "inside_strict", "zone", "mass"),
    "The map as a mask": ("pixel_accuracy", "miou", "map"),
    "Covering patches": ("deletion", "insertion", "drop", "increase"),
    "Random weights": (RANDOMISATION,),
}
_NOTES = (
    "Every metric was first given three explanations made from the truth: the thing itself, random "
    "strengths that are twice as strong on it, and random numbers. A metric that does not rank "
    "them in this order, the first above the last by their intervals, is not printed.",
    "Intervals are 95 % bootstraps that resample whole scenes. The nulls random and centre know "
    "nothing of the model. Pointing at a thing is not the same as saying why the model scored it "
    "so.",
)


def headline(result: Faithfulness, default: str) -> list[dict[str, Any]]:
    """For each number of things: the default of ``explain``, and the method to believe."""
    items = []
    for n_objects in _numbers(result):
        rows = [row for row in result.rows if row.n_objects == n_objects]
        metric = next((m for m in LEADING if any(_is_judged_by(r, m) for r in rows)), "")
        finite = [row for row in rows if _is_judged_by(row, metric)]
        own = next((r for r in finite if r.method == default and not r.centred), None)
        things = f"{n_objects} shown"
        if own is not None:
            items.append(
                {
                    "name": f"{default}, {metric}, {things}",
                    "estimate": own.estimate.to_json(),
                    "meaning": f"{default}, the default of explain: {QUESTIONS[metric]}",
                }
            )
        best = max(finite, key=lambda row: row.low, default=None)
        which = "no metric ranks the explanations made from the truth"
        if best is None:
            n = max(row.estimate.n for row in result.measures if row.n_objects == n_objects)
            estimate = undefined(f"{which} on so few cases", n=n)
        else:
            estimate = best.estimate
            less = " less the mean text" if best.centred else ""
            which = (
                f"{best.method}{less}, the highest lower end of {len(finite)}: {QUESTIONS[metric]}"
            )
        items.append({"name": f"best, {things}", "estimate": estimate.to_json(), "meaning": which})
    return items


def warnings(result: Faithfulness) -> list[str]:
    """What is not printed, and which methods have no map of the model."""
    metrics = [f"{name}: not printed, {why}." for name, why in result.refused_metrics.items()]
    return metrics + [f"{name}: {why}" for name, why in result.refused_methods.items()]


def build_page(result: Faithfulness, default: str, config: Mapping[str, Any]) -> Page:
    """The report."""
    numbers = _numbers(result)
    rows = [row for row in result.rows if row.n_objects == numbers[-1]]
    leading = next((m for m in LEADING if any(_is_judged_by(row, m) for row in rows)), "")
    sections = [_in_short(result, default)]
    for n in numbers:
        things = "One thing shown" if n == 1 else f"{n} things shown"
        rows = [row for row in result.rows if row.n_objects == n]
        sections.append(Section(things, _tables(rows, result.measures, n)))
    used = sorted({row.metric for row in result.rows})
    questions = Table(
        ["metric", "question (higher is better)"],
        [[metric, QUESTIONS[metric]] for metric in QUESTIONS if metric in used],
        "What each metric asks.",
    )
    notes: list[Block] = [questions, *(Paragraph(text) for text in _NOTES)]
    notes.append(Paragraph(f"Protocol: {result.protocol}."))
    sections.append(Section("How to read this", notes))
    if metrics := [[*one] for one in result.refused_metrics.items()]:
        caption = "Metrics that do not measure what they are named after, on these data."
        table = Table(["metric", "why it is not printed"], metrics, caption)
        sections.append(Section("Not printed", [table]))
    if methods := [[*one] for one in result.refused_methods.items()]:
        table = Table(["method", "why"], methods, "Methods that have no map of this model.")
        sections.append(Section("Not supported", [table]))
    return Page(
        title="Which explanation to believe",
        subtitle=f"{result.provenance['n_cases']:,} targets in {result.provenance['n_scenes']:,} "
        f"images, {len(result.settings)} methods.",
        sections=sections,
        provenance={**result.provenance, "settings": config},
        lead=lead_of(result, leading, QUESTIONS.get(leading, "")),
    )


def _in_short(result: Faithfulness, default: str) -> Section:
    table = Table(
        ["figure", "value", "what it is"],
        [[one["name"], one["estimate"], one["meaning"]] for one in headline(result, default)],
        "The default of explain, and the method with the highest lower end; the best of many is a "
        "little too high.",
    )
    notes: list[Block] = [table]
    if result.refused_metrics:
        notes.append(
            Note(f"{len(result.refused_metrics)} metrics are not printed; see Not printed.")
        )
    return Section("In short", notes)


def _tables(rows: Sequence[Row], measures: Sequence[Row], n_objects: int) -> list[Block]:
    """A table for each group of metrics: the methods, then the explanations made from the truth."""
    measured = {m for m in QUESTIONS if any(_is_judged_by(row, m) for row in rows)}
    if not measured:
        return [Paragraph("No metric can be printed on so few cases.")]
    n = max(row.estimate.n for row in rows)
    blocks: list[Block] = []
    for what, group in _GROUPS.items():
        metrics = [metric for metric in group if metric in measured]
        if not metrics:
            continue
        leading = next((m for m in LEADING if m in metrics), metrics[0])
        cells = {(row.method, row.centred, False, row.metric): row for row in rows}
        maps = dict.fromkeys(key[:3] for key in cells)
        low = {one: cells[*one, leading].low for one in maps if (*one, leading) in cells}
        order = sorted(maps, key=lambda one: (-low.get(one, -math.inf), one))
        for row in measures:
            if row.n_objects == n_objects:
                cells[row.method, False, True, row.metric] = row
        order += [(truth, False, True) for truth in TRUTHS if group != (RANDOMISATION,)]
        blocks.append(
            Table(
                ["map", *metrics],
                [
                    [_called(*one), *(_cell(cells.get((*one, metric))) for metric in metrics)]
                    for one in order
                ],
                f"{what}: {n} targets, 95 % intervals over scenes, by the lower end of {leading}"
                + ("." if group == (RANDOMISATION,) else "; last, maps made from the truth."),
            )
        )
    return blocks


def _called(name: str, centred: bool, truth: bool) -> str:
    return f"truth: {name}" if truth else f"{name}, less the mean" if centred else name


def _cell(row: Row | None) -> str:
    if row is None or not row.estimate.defined:
        return ""
    return f"{row.estimate.value:.2f} [{row.estimate.low:.2f}, {row.estimate.high:.2f}]"


def _numbers(result: Faithfulness) -> list[int]:
    return sorted({row.n_objects for row in result.measures})


def _is_judged_by(row: Row, metric: str) -> bool:
    return row.metric == metric and row.estimate.defined
