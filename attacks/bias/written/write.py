"""What the run leaves on disk: cells, summary, report; nothing about a single picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attacks.bias.groups.small_cells import count_groups
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.inputs.annotations import Annotations
from attacks.bias.inputs.cards import UNDOCUMENTED
from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.measures.inference import Settings
from attacks.bias.report.findings import Context
from attacks.bias.report.limits import LIMITS, ORGANISM
from attacks.bias.report.write import cells_table, counted
from attacks.bias.written.differences import gap_of
from attacks.bias.written.encode import Answers
from attacks.bias.written.question import Question
from attacks.bias.written.report import build_page, content_warning
from attacks.bias.written.shifts import PROBE, SHIFT
from clipprobe.report import Page
from clipprobe.study import Outcome


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """The figures of one audit, ready to be written.

    ``attack``: how words were written. ``organism``: whether the model was taught what is measured.
    ``notes``: what a reader must know.
    """

    evaluation: Evaluation
    question: Question
    answers: Answers
    attack: Mapping[str, Any]
    settings: Settings
    people: Annotations
    organism: bool
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]

    @cached_property
    def headline(self) -> list[dict[str, Any]]:
        """The few numbers that sum it up."""
        return make_headline(self.evaluation, self.question)

    def outcome(self) -> Outcome[None]:
        """What is written."""
        table, answers = cells_table(self.evaluation.cells), self.answers
        gathered = self.people.gathered
        return Outcome(
            value=None,
            files=[("cells.parquet", table), ("cells.csv", table)],
            summary=self.summary,
            page=lambda run: self.page(),
            used=n_taking_part(self.evaluation.columns),
            skipped=len(answers.skipped) + gathered.skipped,
            failed=len(answers.failed),
            failures=[*answers.failed, *answers.skipped, *gathered.unmatched],
        )

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        question, card = self.question, self.people.card
        return {
            "kind": "bias-written",
            "headline": self.headline,
            **counted(self.evaluation),
            "small_cells": count_groups(self.evaluation.columns),
            "clusters": self.people.clusters,
            "words": question.words,
            "labels": question.label_set.labels,
            "templates": question.label_set.templates,
            "prompts": question.label_set.prompts,
            "outcomes": [
                {"word": o.word, "label": o.label, "why": o.why} for o in question.outcomes
            ],
            "content_warning": content_warning(question),
            "attack": dict(self.attack),
            "settings": self.settings,
            "card": UNDOCUMENTED if card is None else card.to_json(),
            "notes": list(self.notes),
            "limits": [*LIMITS, *([ORGANISM] if self.organism else [])],
        }

    def page(self) -> Page:
        """The report."""
        context = Context(
            evaluation=self.evaluation,
            comparisons=(),
            headline=self.headline,
            settings=self.settings,
            questions={},
            clusters=self.people.clusters,
            organism=self.organism,
            n_used=n_taking_part(self.evaluation.columns),
            n_failed=len(self.answers.failed) + len(self.answers.skipped),
            card=self.people.card,
            notes=self.notes,
            provenance={
                **self.provenance,
                "dataset": self.people.gathered.describe(),
                "seed": self.settings.seed,
                "tests corrected together": self.evaluation.family_size,
            },
        )
        return build_page(context, self.question, dict(self.attack))


def make_headline(evaluation: Evaluation, question: Question) -> list[dict[str, Any]]:
    """Of each word the label that it names (else the first followed): its shift, and the gaps
    between groups that are large enough."""
    headline: list[dict[str, Any]] = []
    for word in question.words:
        item = next(o.item for o in question.outcomes if o.word == word)
        first = evaluation.columns[0]
        whole = [c for c in evaluation.select(SHIFT, first.name) if c.item == item and not c.group]
        headline += [
            {
                "name": f"reading shift of {item}",
                "estimate": cell.estimate(),
                "meaning": "rate of the label with the word less that with a nonsense word in its "
                f"place, over the images compared by {first.heading}",
            }
            for cell in whole
        ]
        for column in evaluation.columns:
            headline += [
                {
                    "name": f"gap of reading shifts of {item} by {column.heading}",
                    "estimate": cell.estimate(),
                    "meaning": "largest shift less the smallest over groups; where groups do not "
                    f"matter it would be {cell.null_mean:.3f} on average and below "
                    f"{cell.null_high:.3f} in 95 % of cases",
                }
                for cell in evaluation.select(gap_of(SHIFT), column.name, probe=PROBE)
                if cell.item == item and cell.status == "inferred"
            ]
    return headline
