"""The page of a few-shot audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.figures.shots import shots_chart
from clipprobe.report import Block, Chart, Page, Paragraph, Section, Table
from clipprobe.report.numbers import format_cell
from clipprobe.report.sections import how_to_read, in_short
from clipprobe.runs import Run
from clipprobe.zeroshot.few_shot.lead import lead_of

_TITLES = {
    "images": "The images",
    "shifted": "The shifted images, with shots of their own",
    "transferred": "The shifted images, with the shots of the others",
    "seen": "Things that the bundled model was shown",
    "never seen": "Things that the bundled model was never shown",
}
_NOTES = (
    "The probe is a logistic regression on the vectors before the projection, not normalised, as "
    "in the CLIP paper (arXiv:2103.00020, A.3). The strength of its ridge is searched in each "
    "draw on min(k, 4) further labelled images of each class, which are never test images: with k "
    "shots it has seen k + min(k, 4). Of equally good strengths the middle of the longest plateau "
    "is taken.",
    "LP++ (arXiv:2404.02285) starts as zero-shot (w = 0, alpha = the model's scale) and steps in "
    "blocks by the joint curvature bound, so that its loss never rises; it needs no validation "
    "images. It can stay below the probe where the class texts are bad.",
    "A crossing is where the isotonic fit, over log2 of the shots, of the difference to zero-shot "
    "reaches 0. <1 says that one shot is more than enough, >16 that sixteen are not. Intervals "
    "resample draws and classes together, 1,000 times.",
)


def build_page(run: Run, provenance: Mapping[str, Any]) -> Page:
    """The page, from the summary of the run."""
    summary = run.read_json("summary.json")
    images = sum(summary["n"].values())
    return Page(
        title="Few-shot audit",
        subtitle=f"{images:,} labelled images; a probe and LP++ against zero-shot.",
        sections=sections_of(summary),
        provenance={**provenance, "settings": run.config},
        lead=lead_of(summary),
    )


def sections_of(summary: Mapping[str, Any]) -> list[Section]:
    """What the page says, from the summary alone."""
    sections = [in_short(summary)]
    sections += [Section(_TITLES[one["name"]], _set(one)) for one in summary["sets"]]
    norms = ", ".join(
        f"{name} {format_cell(norm)}" for name, norm in summary["features"]["mean_norm"].items()
    )
    notes = [*_NOTES, f"The scale of the vectors gives C its meaning; their mean length: {norms}."]
    sections.append(how_to_read(notes))
    return sections


def _set(one: Mapping[str, Any]) -> list[Block]:
    sentence = "; ".join(
        f"{method} crosses zero-shot at {text} shots"
        for method, text in one["crossing_text"].items()
    )
    rows = [
        [method, shots, estimate, difference]
        for method, curve in one["curves"].items()
        for shots, estimate, difference in zip(
            one["shots"], curve, one["differences"][method], strict=True
        )
    ]
    return [
        Paragraph(f"Zero-shot: {format_cell(one['zero_shot'])}. {sentence}."),
        Chart(
            shots_chart(one["positions"], one["curves"], one["zero_shot"]),
            f"Accuracy over shots among {one['n_classes']} classes. {sentence}.",
        ),
        Table(
            ["method", "shots", "accuracy", "minus zero-shot"],
            rows,
            "Mean over draws, with 95 % intervals over draws and classes.",
        ),
    ]
