"""What the run leaves on disk: cells, summary, report; nothing about a single picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attacks.bias.groups.small_cells import count_groups
from attacks.bias.groups.suppression import n_taking_part
from attacks.bias.inputs.cards import UNDOCUMENTED, Card
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

if TYPE_CHECKING:
    from clipprobe.data import Failure
    from clipprobe.runs import Run


def write_run(
    run: Run,
    evaluation: Evaluation,
    question: Question,
    answers: Answers,
    *,
    attack: Mapping[str, Any],
    settings: Settings,
    clusters: str | None,
    organism: bool,
    card: Card | None,
    notes: Sequence[str],
    dataset: Mapping[str, Any],
    provenance: Mapping[str, Any],
    unmatched: Sequence[Failure],
    n_unmatched: int,
) -> None:
    """Write every file of the run and its manifest last.

    Args:
        attack: How words were written. organism: whether the model was taught what is measured.
        unmatched: examples of ids without partner; n_unmatched: how many there are.
    """
    from clipprobe.report import write_html, write_markdown

    headline = make_headline(evaluation, question)
    table = cells_table(evaluation.cells)
    run.write_table("cells.parquet", table)
    run.write_table("cells.csv", table)
    n_used = n_taking_part(evaluation.columns)
    n_lost = len(answers.failed) + len(answers.skipped)
    run.write_json(
        "summary.json",
        {
            "kind": "bias-written",
            "headline": headline,
            **counted(evaluation),
            "small_cells": count_groups(evaluation.columns),
            "clusters": clusters,
            "words": question.words,
            "labels": question.label_set.labels,
            "templates": question.label_set.templates,
            "prompts": question.label_set.prompts,
            "outcomes": [
                {"word": o.word, "label": o.label, "why": o.why} for o in question.outcomes
            ],
            "content_warning": content_warning(question),
            "attack": dict(attack),
            "settings": settings,
            "card": UNDOCUMENTED if card is None else card.to_json(),
            "notes": list(notes),
            "limits": [*LIMITS, *([ORGANISM] if organism else [])],
        },
    )
    context = Context(
        evaluation=evaluation,
        comparisons=(),
        headline=headline,
        settings=settings,
        questions={},
        clusters=clusters,
        organism=organism,
        n_used=n_used,
        n_failed=n_lost,
        card=card,
        notes=tuple(notes),
        provenance={
            **provenance,
            "dataset": dict(dataset),
            "seed": settings.seed,
            "tests corrected together": evaluation.family_size,
        },
    )
    page = build_page(context, question, dict(attack))
    write_html(page, run.file("report.html"))
    write_markdown(page, run.file("report.md"))
    run.finish(
        provenance=provenance,
        counts={
            "used": n_used,
            "skipped": len(answers.skipped) + n_unmatched,
            "failed": len(answers.failed),
        },
        failures=[one.to_json() for one in (*answers.failed, *answers.skipped, *unmatched)],
        seed=settings.seed,
        dataset=dataset,
    )


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
