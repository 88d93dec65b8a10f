"""What a bias run leaves on disk: cells, summary, report; nothing about a single picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.small_cells import count_groups
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.inputs.cards import UNDOCUMENTED, Card
from attacks.bias.measures.cells import RELATIVE, Cell, table_fields
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.measures.power import detectable
from attacks.bias.probe import Sample
from attacks.bias.probes.registry import get_probe
from attacks.bias.report.findings import Context
from attacks.bias.report.limits import LIMITS, ORGANISM
from attacks.bias.report.page import build_page
from attacks.bias.report.planted import Comparison, Planted, compare, recovery
from clipprobe.statistics import Estimate, undefined

if TYPE_CHECKING:
    from clipprobe.runs import Run

Questions = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]


def write_run(
    run: Run,
    evaluation: Evaluation,
    *,
    settings: Settings,
    questions: Questions,
    planted: Sequence[Planted],
    clusters: str | None,
    controls: Sequence[str],
    sample: Sample,
    dataset: Mapping[str, Any],
    provenance: Mapping[str, Any],
    failures: Sequence[Mapping[str, Any]],
    card: Card | None = None,
    notes: Sequence[str] = (),
    n_failed: int | None = None,
    n_skipped: int = 0,
    pictures: Sequence[tuple[Any, str]] = (),
) -> None:
    """Write every file of the run and its manifest last.

    Args:
        planted: The truth, empty where there is none. clusters, controls: the columns named.
        sample: The images that were asked about. pictures: shown in the report, with captions.
        failures: Images that could not be read, and examples of ids without partner. n_failed: how
            many could not be read (default: all failures); n_skipped: ids without partner.
        card: who annotated the data; notes: what else a reader must know.
    """
    from clipprobe.report import write_html, write_markdown

    failed = len(failures) if n_failed is None else n_failed
    n_used = n_taking_part(evaluation.columns)
    power = detectable(
        evaluation.columns,
        sample.clusters,
        alpha=settings.alpha,
        family_size=evaluation.family_size,
    )
    comparisons = compare(evaluation, planted)
    headline = make_headline(evaluation, comparisons)
    table = cells_table(evaluation.cells)
    run.write_table("cells.parquet", table)
    run.write_table("cells.csv", table)
    run.write_json(
        "summary.json",
        {
            "kind": "bias",
            "headline": headline or [flagged_share(evaluation)],
            **counted(evaluation),
            "small_cells": count_groups(evaluation.columns),
            "detectable": power,
            "clusters": clusters,
            "controls": list(controls),
            "probes": {
                name: {"words": words, "templates": templates}
                for name, (words, templates) in questions.items()
            },
            "settings": settings,
            "planted": [comparison_row(comparison) for comparison in comparisons],
            "answers": {
                name: {**answer.facts, "missing": answer.missing}
                for name, answer in evaluation.answers.items()
            },
            "card": UNDOCUMENTED if card is None else card.to_json(),
            "notes": list(notes),
            "limits": [*LIMITS, *([ORGANISM] if planted else [])],
        },
    )
    page = build_page(
        Context(
            evaluation=evaluation,
            comparisons=comparisons,
            headline=headline,
            settings=settings,
            questions=dict(questions),
            clusters=clusters,
            controls=tuple(controls),
            power=tuple(power),
            pictures=tuple(pictures),
            organism=bool(planted),
            n_used=n_used,
            n_failed=failed,
            card=card,
            notes=tuple(notes),
            provenance={
                **provenance,
                "dataset": dict(dataset),
                "seed": settings.seed,
                "tests corrected together": evaluation.family_size,
            },
        )
    )
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    run.finish(
        provenance=provenance,
        counts={"used": n_used, "skipped": n_skipped, "failed": failed},
        failures=list(failures),
        seed=settings.seed,
        dataset=dataset,
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
    }


def cells_table(cells: Sequence[Cell]) -> Any:
    """The cells as a ``pyarrow.Table`` with one schema for every run; undefined is null."""
    import pyarrow as pa

    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    rows = [cell.to_row() for cell in cells]
    schema = pa.schema(
        [(field.name, types.get(str(field.type), pa.string())) for field in table_fields()]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def make_headline(
    evaluation: Evaluation, comparisons: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """The few numbers that a list of runs shows, each with what it means."""
    headline: list[dict[str, Any]] = []
    for column in evaluation.columns:
        for cell in evaluation.select("mean |d|", column.name):
            headline.append(
                {
                    "name": f"mean |d| of {cell.probe} by {column.heading}",
                    "estimate": cell.estimate(),
                    "meaning": (
                        f"mean absolute association of {len(evaluation.items[cell.probe])} words "
                        f"with {column.heading}, in standard deviations; without any association "
                        f"it would be {_short(cell.null_mean)} on average and below "
                        f"{_short(cell.null_high)} in 95 % of cases"
                    ),
                }
            )
    for name in evaluation.answers:
        own = get_probe(name).headline
        headline += own(evaluation) if own is not None else []
    if comparisons:
        found, false = recovery(comparisons)
        relative = comparisons[0].cell.measure == RELATIVE
        judged = f"judged by {'relative d' if relative else 'd'}"
        headline += [
            {
                "name": "planted associations found",
                "estimate": found,
                "meaning": "share of the associations planted in the model that were flagged with "
                f"the right sign, {judged}",
            },
            {
                "name": "balanced controls flagged",
                "estimate": false,
                "meaning": "share of the words planted without any association that were flagged, "
                f"{judged}",
            },
        ]
    return headline


def flagged_share(evaluation: Evaluation) -> dict[str, Any]:
    """What a list of runs shows of probes that have no number of their own to sum them up."""
    n, flagged = evaluation.family_size, sum(cell.flagged for cell in evaluation.cells)
    return share_of_tests(
        "tests that stand out",
        flagged,
        n,
        f"{flagged} of the {n} tests of this report, corrected together; its tables say which",
    )


def share_of_tests(name: str, found: int, n: int, meaning: str) -> dict[str, Any]:
    """A headline that counts tests: no estimate, so it has no interval."""
    if not n:
        return {"name": name, "estimate": undefined("nothing was tested", n=0), "meaning": meaning}
    count = Estimate(
        value=found / n, low=math.nan, high=math.nan, n=n, method="count",
        reason="a count of tests, not an estimate",
    )  # fmt: skip
    return {"name": name, "estimate": count, "meaning": meaning}


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


def _short(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
