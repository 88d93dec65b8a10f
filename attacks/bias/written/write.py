"""What the run leaves on disk: cells, summary, report; nothing about a single image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attacks.bias.measures.evaluation import Evaluation
from attacks.bias.report.write import counted, group_outcome
from attacks.bias.sections.findings import Context
from attacks.bias.written.differences import gap_of
from attacks.bias.written.question import Question
from attacks.bias.written.report import build_page, content_warning
from attacks.bias.written.shifts import PROBE, SHIFT
from clipprobe.study import Outcome


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """The figures of one audit, ready to be written.

    ``attack``: how words were written.
    """

    context: Context
    question: Question
    attack: Mapping[str, Any]

    def outcome(self) -> Outcome[None]:
        """What is written."""
        context, question, attack = self.context, self.question, dict(self.attack)
        return group_outcome(context, self.summary, lambda: build_page(context, question, attack))

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        context, question = self.context, self.question
        return {
            "kind": "bias-written",
            "headline": context.headline,
            **counted(context.evaluation),
            "clusters": context.caveats.people.cluster_column,
            "words": question.words,
            "labels": question.label_set.labels,
            "templates": question.label_set.templates,
            "prompts": question.label_set.prompts,
            "outcomes": [
                {"word": o.word, "label": o.label, "why": o.why} for o in question.outcomes
            ],
            "content_warning": content_warning(question),
            "attack": dict(self.attack),
            "settings": context.settings,
            **context.caveats.summary,
        }


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
