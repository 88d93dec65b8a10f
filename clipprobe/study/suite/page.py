"""The page of a suite: a scorecard, then every headline number with a link to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipprobe.report import Code, Intervals, Lead, Links, Numbers, Page, Paragraph, Section, Table
from clipprobe.report.numbers import estimate_parts, format_cell
from clipprobe.report.opening import MOST_ROWS
from clipprobe.report.words import count_of
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


def lead_of(scores: Sequence[Score]) -> Lead:
    """The verdict of a suite."""
    with_limits = [one for one in scores if one.thresholds]
    crossed = [one for one in with_limits if one.crossed]
    if crossed:
        verdict = (
            f"Thresholds of {len(crossed)} of {len(with_limits)} studies are crossed, first in "
            f"{crossed[0].title}"
        )
    elif with_limits:
        verdict = f"All thresholds of {len(with_limits)} studies are kept"
    else:
        verdict = (
            f"{len(scores)} studies were made; no threshold was set, so none is kept or crossed"
        )
    first = crossed[0] if crossed else scores[0]
    evidence = (
        f"{first.title}, {first.figure['name'].replace('_', ' ')}: "
        f"{format_cell(first.figure['estimate'])}. The control of each figure stands in the report "
        "of its study."
    )
    shares = [one for one in scores if _is_share(one.figure["estimate"])]
    listed = (shares or list(scores))[:MOST_ROWS]
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=Intervals(
            rows=[
                (one.title, one.figure["name"].replace("_", " "), [one.figure["estimate"]])
                for one in listed
            ],
            axis="one figure of each study, with its 95 % interval"
            + ("" if len(listed) == len(scores) else "; the scorecard has the others"),
            alt="One figure of each study, with its interval",
            percent=bool(shares),
        ),
        limits=[
            "One figure of a study is not its result: its report has the controls and the limits.",
            "A threshold that is kept says that the value is on its good side for these images, "
            "words and prompts; its interval may reach over it.",
        ],
    )


def _is_share(estimate: Any) -> bool:
    parts = estimate_parts(estimate)
    return parts is not None and parts[0] is not None and count_of(parts[0], parts[3]) is not None
