"""What a bias run leaves on disk: cells, summary, report; nothing about a single image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attacks.bias.measures.cells import Cell, table_columns
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.power import detectable
from attacks.bias.measures.small_cells import count_groups
from attacks.bias.people import People
from attacks.bias.prepared import Prepared
from attacks.bias.report.headline import flagged_share, make_headline
from attacks.bias.report.page import build_page
from attacks.bias.sections.caveats import Caveats
from attacks.bias.sections.findings import Context
from attacks.bias.sections.illustrations import sample_images
from attacks.bias.sections.planted import NOT_DRAWN, Comparison, compare, is_organism
from clipprobe.report import Page
from clipprobe.study import Outcome


def report_outcome(
    audit: Prepared, people: People, evaluation: Evaluation, notes: tuple[str, ...]
) -> Outcome[None]:
    """What the report of an audit writes; nothing about a single image.

    Args:
        people: Those who were asked about. evaluation: Every figure.
        notes: What a reader must know.
    """
    judged = bool(audit.planted) and audit.judged
    comparisons = compare(evaluation, audit.planted) if judged else []
    if audit.planted and not judged:
        notes = (*notes, NOT_DRAWN)
    power = detectable(
        evaluation.columns,
        people.clusters,
        alpha=audit.numbers.alpha,
        family_size=evaluation.family_size,
    )
    context = Context(
        evaluation=evaluation,
        caveats=Caveats(
            people=people, organism=bool(audit.planted) or is_organism(audit.clip), notes=notes
        ),
        settings=audit.numbers,
        headline=make_headline(evaluation, comparisons),
        made_by=audit.provenance(),
        comparisons=comparisons,
        judged=judged,
        questions={
            name: question for name, question in audit.questions.items() if name in evaluation.items
        },
        power=tuple(power),
    )

    def page() -> Page:
        settings = audit.settings
        images = sample_images(people.records, settings.seed) if settings.include_images else ()
        return build_page(context, images)

    return group_outcome(context, lambda: _summary(context), page)


def _summary(context: Context) -> dict[str, Any]:
    """The content of ``summary.json``."""
    evaluation, people = context.evaluation, context.caveats.people
    return {
        "kind": "bias",
        "headline": context.headline or [flagged_share(evaluation)],
        **counted(evaluation),
        "detectable": context.power,
        "clusters": people.cluster_column,
        "controls": list(people.controls),
        "probes": {
            name: {"words": words, "templates": templates}
            for name, (words, templates) in context.questions.items()
        },
        "settings": context.settings,
        "planted": [comparison_row(comparison) for comparison in context.comparisons],
        "answers": {
            name: {**answer.facts, "missing": answer.missing}
            for name, answer in evaluation.answers.items()
        },
        **context.caveats.summary,
    }


def group_outcome(
    context: Context, summary: Callable[[], Mapping[str, Any]], page: Callable[[], Page]
) -> Outcome[None]:
    """The outcome of a report on groups: its cells, as tables, with summary and page."""
    table = cells_table(context.evaluation.cells)
    return Outcome(
        value=None,
        files=[("cells.parquet", table), ("cells.csv", table)],
        summary=summary,
        page=lambda run: page(),
        used=context.n_used,
        **context.caveats.people.counts,
    )


def counted(evaluation: Evaluation) -> dict[str, Any]:
    """The part of a summary that every report about groups has: tests, cells and group sizes."""
    return {
        "family_size": evaluation.family_size,
        "n_flagged": sum(cell.flagged for cell in evaluation.cells),
        "cells": {
            status: sum(cell.status == status for cell in evaluation.cells)
            for status in ("inferred", "shown", "insufficient")
        },
        "groups": {
            column.name: {
                "heading": column.heading,
                "sizes": column.shown_sizes,
                "compared": list(column.levels),
                "insufficient": [v for v in column.hidden if v not in column.withheld],
                "withheld": list(column.withheld),
            }
            for column in evaluation.columns
        },
        "small_cells": count_groups(evaluation.columns),
    }


def cells_table(cells: Sequence[Cell]) -> Any:
    """The cells as a ``pyarrow.Table`` with one schema for every run; undefined is null."""
    import pyarrow as pa

    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    schema = pa.schema(
        [(name, types.get(kind, pa.string())) for name, kind in table_columns().items()]
    )
    return pa.Table.from_pylist([cell.to_row() for cell in cells], schema=schema)


def comparison_row(comparison: Comparison) -> dict[str, Any]:
    """A planted association beside what was found, for ``summary.json``."""
    return {
        "item": comparison.planted.item,
        "group": comparison.planted.group,
        "rate": comparison.planted.rate,
        "kind": comparison.planted.kind,
        "planted_sign": comparison.planted.sign,
        "judged": comparison.cell.measure,
        "estimate": comparison.estimate,
        "plain_d": comparison.plain,
        "q": comparison.cell.q,
        "flagged": comparison.cell.flagged,
        "verdict": comparison.verdict,
    }
