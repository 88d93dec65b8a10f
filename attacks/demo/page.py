"""The page that links what ``clipprobe demo`` made: headline numbers, pictures, reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clipprobe.report import (
    Images,
    Links,
    Numbers,
    Page,
    Paragraph,
    Section,
    Warning,
    write_html,
    write_markdown,
)
from clipprobe.report.numbers import format_number
from clipprobe.runs import Run, RunView, load_run

if TYPE_CHECKING:
    from clipprobe.data.records import Dataset
    from clipprobe.models import Clip
    from clipprobe.statistics import Estimate

_SHOWN = {"picture": "colour picture", "drawing": "line drawing", "word": "written word"}
#: Sub-run -> what it is called on the page.
PARTS = {
    "atlas": "Atlas of neurons",
    "typographic": "Typographic audit",
    "bias": "Social-bias report",
}
#: Concepts whose pictures stand on the page.
_N_EXAMPLES = 4


def write_index(
    run: Run,
    clip: Clip,
    accuracy: Mapping[str, Estimate],
    concepts: Dataset,
    people: Dataset,
    *,
    seed: int,
) -> None:
    """Write ``index.html``, its Markdown twin, ``summary.json`` and the manifest of the demo.

    Args:
        accuracy: Zero-shot accuracy by modality.
        concepts: The drawn concepts, in every modality.
        people: The drawn people; counted, never shown.
    """
    parts = {name: load_run(run.path / name) for name in PARTS}
    headline = [
        {
            "name": f"zero-shot accuracy, {_SHOWN[modality]}s",
            "estimate": estimate.to_json(),
            "meaning": f"top-1 among the concepts, on a newly drawn {_SHOWN[modality]}",
        }
        for modality, estimate in accuracy.items()
    ]
    headline += [item for part in parts.values() for item in part.summary["headline"]]
    page = Page(
        title="What clipprobe found in its bundled model",
        subtitle=(
            f"{clip.id}, on {len(concepts)} images of concepts and {len(people)} of people "
            "that clipprobe drew itself."
        ),
        sections=[_about(), _sees(accuracy, concepts), *_reports(parts), _limits()],
        provenance=clip.provenance() | {"seed": seed},
    )
    write_html(page, run.adopt("index.html"))
    write_markdown(page, run.adopt("index.md"))
    run.write_json("summary.json", {"kind": run.kind, "headline": headline})
    run.finish(
        provenance=clip.provenance(),
        counts={"used": len(concepts) + len(people), "skipped": 0, "failed": 0},
        seed=seed,
        dataset=concepts.describe(),
    )


def _about() -> Section:
    return Section(
        "What this is",
        [
            Paragraph(
                "A small CLIP, trained from nothing on emoji, line drawings and written words, "
                "and three questions put to it: what do its neurons respond to, does it read what "
                "is written over what is shown, and which social associations does it carry? It "
                "was taught some of these on purpose, so each answer can be checked."
            ),
            Warning(
                "Nothing here is evidence about OpenAI's CLIP or about people: the model is small, "
                "its world is drawn, and its social associations are planted at recorded rates."
            ),
        ],
    )


def _sees(accuracy: Mapping[str, Estimate], concepts: Dataset) -> Section:
    labels = list(dict.fromkeys(record.label for record in concepts.records))
    shown = labels[:: max(1, len(labels) // _N_EXAMPLES)][:_N_EXAMPLES]
    by_place = {(r.label, r.attributes["modality"]): r for r in concepts.records}
    pictures = [
        (str(by_place[label, modality].source), f"{label}, {_SHOWN[modality]}")
        for modality in _SHOWN
        for label in shown
    ]
    return Section(
        "What it sees",
        [
            Numbers(
                [
                    (f"{_SHOWN[modality]}s", estimate, f"right among {len(labels)} concepts")
                    for modality, estimate in accuracy.items()
                ]
            ),
            Paragraph(
                f"Zero-shot: the nearest of {len(labels)} texts, with Wilson's 95 % interval. "
                f"Choosing blindly would be right in 1 of {len(labels)}."
            ),
            Images(pictures, columns=_N_EXAMPLES),
        ],
    )


def _reports(parts: Mapping[str, RunView]) -> list[Section]:
    sections = []
    for name, part in parts.items():
        numbers = [_number(item) for item in part.summary["headline"]]
        link = Links([(f"The whole {PARTS[name].lower()}", f"{name}/report.html")])
        sections.append(Section(PARTS[name], [Numbers(numbers), link], id=name))
    return sections


def _number(item: Mapping[str, Any]) -> tuple[str, Any, str]:
    """A headline entry as a key figure; a census has no interval, and the note says so."""
    name, estimate = item["name"].replace("_", " "), item["estimate"]
    if estimate["value"] is None or estimate["low"] is not None:
        return name, estimate, item["meaning"]
    value = f"{format_number(estimate['value'])} n={estimate['n']:,}"
    return name, value, f"{item['meaning']}; no interval: {estimate['reason']}"


def _limits() -> Section:
    return Section(
        "Limits",
        [
            Paragraph(
                "The stimuli are few and drawn by one program; intervals cover the drawing of "
                "stimuli, not the training of another model. One attack style and one place in "
                "the picture at random were tried. Perceived gender and skin tone are properties "
                "of the drawings, not of persons."
            )
        ],
    )
