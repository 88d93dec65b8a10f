"""What a bias run leaves on disk: cells, summary, report; nothing about a single picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attacks.bias.groups.small_cells import count_groups
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.inputs.cards import UNDOCUMENTED
from attacks.bias.measures.cells import RELATIVE, Cell, table_fields
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.power import Detectable, detectable
from attacks.bias.prepared import Prepared, Sampled
from attacks.bias.probes.registry import get_probe
from attacks.bias.report.findings import Context
from attacks.bias.report.illustrations import draw_pictures
from attacks.bias.report.limits import LIMITS, ORGANISM
from attacks.bias.report.page import build_page
from attacks.bias.report.planted import Comparison, compare, recovery
from clipprobe.report import Page
from clipprobe.statistics import Estimate, undefined
from clipprobe.study import Outcome


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of one audit, ready to be written.

    ``found``: the images that were asked about. ``evaluation``: every figure. ``notes``: what a
    reader must know.
    """

    audit: Prepared
    found: Sampled
    evaluation: Evaluation
    notes: tuple[str, ...]

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """The planted truth beside what was measured."""
        return compare(self.evaluation, self.audit.planted)

    @cached_property
    def headline(self) -> list[dict[str, Any]]:
        """The few numbers that sum it up."""
        return make_headline(self.evaluation, self.comparisons)

    @cached_property
    def power(self) -> list[Detectable]:
        """What could have been detected."""
        return detectable(
            self.evaluation.columns,
            self.found.sample.clusters,
            alpha=self.audit.numbers.alpha,
            family_size=self.evaluation.family_size,
        )

    @property
    def questions(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Those that were answered."""
        items = self.evaluation.items
        return {name: asked for name, asked in self.audit.questions.items() if name in items}

    def outcome(self) -> Outcome[None]:
        """What is written; nothing about a single picture."""
        table, gathered = cells_table(self.evaluation.cells), self.audit.gathered
        return Outcome(
            value=None,
            files=[("cells.parquet", table), ("cells.csv", table)],
            summary=self.summary,
            page=lambda run: self.page(),
            used=n_taking_part(self.evaluation.columns),
            skipped=gathered.skipped,
            failed=len(self.found.failures),
            failures=[*self.found.failures, *gathered.unmatched],
        )

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        audit, evaluation, card = self.audit, self.evaluation, self.audit.people.card
        return {
            "kind": "bias",
            "headline": self.headline or [flagged_share(evaluation)],
            **counted(evaluation),
            "small_cells": count_groups(evaluation.columns),
            "detectable": self.power,
            "clusters": audit.settings.clusters,
            "controls": list(audit.controls),
            "probes": {
                name: {"words": words, "templates": templates}
                for name, (words, templates) in self.questions.items()
            },
            "settings": audit.numbers,
            "planted": [comparison_row(comparison) for comparison in self.comparisons],
            "answers": {
                name: {**answer.facts, "missing": answer.missing}
                for name, answer in evaluation.answers.items()
            },
            "card": UNDOCUMENTED if card is None else card.to_json(),
            "notes": list(self.notes),
            "limits": [*LIMITS, *([ORGANISM] if audit.planted else [])],
        }

    def page(self) -> Page:
        """The report."""
        audit, settings = self.audit, self.audit.settings
        pictures = (
            draw_pictures(self.found.records, settings.seed) if settings.include_images else ()
        )
        return build_page(
            Context(
                evaluation=self.evaluation,
                comparisons=self.comparisons,
                headline=self.headline,
                settings=audit.numbers,
                questions=self.questions,
                clusters=settings.clusters,
                controls=tuple(audit.controls),
                power=tuple(self.power),
                pictures=tuple(pictures),
                organism=bool(audit.planted),
                n_used=n_taking_part(self.evaluation.columns),
                n_failed=len(self.found.failures),
                card=audit.people.card,
                notes=self.notes,
                provenance={
                    **audit.provenance(),
                    "dataset": audit.gathered.describe(),
                    "seed": settings.seed,
                    "tests corrected together": self.evaluation.family_size,
                },
            )
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
