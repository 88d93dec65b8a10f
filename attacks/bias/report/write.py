"""What a bias run leaves on disk: cells, summary, report; nothing about a single picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attacks.bias.groups.small_cells import count_groups
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.inputs.cards import UNDOCUMENTED
from attacks.bias.measures.cells import Cell, table_fields
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.power import Detectable, detectable
from attacks.bias.prepared import Prepared, Sampled
from attacks.bias.report.findings import Context
from attacks.bias.report.headline import flagged_share, make_headline
from attacks.bias.report.illustrations import draw_pictures
from attacks.bias.report.limits import LIMITS, ORGANISM
from attacks.bias.report.page import build_page
from attacks.bias.report.planted import Comparison, compare
from clipprobe.report import Page
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
