"""The page of a suite: a scorecard, then every headline number with a link to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.report import Code, Lead, Links, Numbers, Page, Paragraph, Section, Table
from clipprobe.study.suite.lead import lead_of
from clipprobe.study.suite.scorecard import Score, card, cells, census

if TYPE_CHECKING:
    from clipprobe.models import Clip
    from clipprobe.runs import RunView


def page_of(
    clip: Clip,
    scores: Sequence[Score],
    *,
    seed: int,
    title: str = "",
    subtitle: str = "",
    first: Sequence[Section] = (),
    last: Sequence[Section] = (),
    lead: Lead | None = None,
) -> Page:
    """The page of a suite.

    Args:
        first, last: Sections before the scorecard and after the studies.
        lead: The opening; the scorecard as a figure where there is none.
    """
    return Page(
        title=title or f"{len(scores)} studies of {clip.id}",
        subtitle=subtitle or ", ".join(one.title for one in scores),
        sections=[
            *first,
            _scorecard(scores),
            *(_study(one) for one in scores),
            *last,
            _model_card(clip, scores),
        ],
        provenance=clip.provenance() | {"seed": seed},
        lead=lead or lead_of(scores),
    )


def _scorecard(scores: Sequence[Score]) -> Section:
    rows = [
        [
            one.title,
            one.figure["name"].replace("_", " "),
            *cells(one.figure["estimate"]),
            one.verdict,
        ]
        for one in scores
    ]
    caption = "One figure of each study, with its 95 % interval; the sections below have the rest."
    return Section(
        "Scorecard",
        [Table(["study", "figure", "value", "n", "threshold"], rows, caption)],
        id="scorecard",
    )


def _study(one: Score) -> Section:
    page = report_of(one.run)
    numbers = [_number(item) for item in one.run.summary.get("headline") or [one.figure]]
    link = Links([(f"The whole report: {one.title}", f"{one.name}/{page}")])
    return Section(one.title, [Numbers(numbers), link], id=one.name)


def report_of(run: RunView) -> str:
    """The name of the page of a run."""
    pages = sorted(name for name in run.manifest["files"] if name.endswith(".html"))
    return next((name for name in ("report.html", "index.html") if name in pages), pages[0])


def _number(item: Mapping[str, Any]) -> tuple[str, Any, str]:
    """A headline entry as a key figure; a census has no interval, and the note says so."""
    name, estimate = item["name"].replace("_", " "), item["estimate"]
    if estimate["value"] is None or estimate["low"] is not None:
        return name, estimate, item["meaning"]
    return name, census(estimate), f"{item['meaning']}; no interval: {estimate['reason']}"


def _model_card(clip: Clip, scores: Sequence[Score]) -> Section:
    return Section(
        "For a model card",
        [Paragraph("Markdown to copy."), Code(card(clip, scores))],
        id="model-card",
    )
