"""Sections of the report about comparability: candidates, protocol, retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attacks.typographic.protocols.scoring import published_line
from attacks.typographic.scoring.candidate_sets import NUMBERS, lines
from clipprobe.figures.typographic import TITLES, candidate_chart, in_order
from clipprobe.report import Block, Chart, Paragraph, Section, Table
from clipprobe.report.numbers import decimals

_DIRECTIONS = {"image_to_text": "image to text", "text_to_image": "text to image"}


def comparable_sections(summary: Mapping[str, Any]) -> list[Section]:
    """Candidate sets, the protocol if there is one, and retrieval if it can be had."""
    title = "The same answers among three lists"
    sections = [Section(title, _candidates(summary), short="Candidates")]
    if summary["protocol"] is not None:
        section = summary["protocol"]
        title = f"By the protocol of {section['title']}"
        sections.append(Section(title, _protocol(section), short="Protocol"))
    if summary["retrieval"] is not None:
        sections.append(Section("Retrieval", _retrieval(summary["retrieval"])))
    return sections


def _candidates(summary: Mapping[str, Any]) -> list[Block]:
    sets = lines(summary["candidate_sets"])
    sentence = "; ".join(
        f"{name} clean {decimals(item['clean_accuracy'])}, attacked "
        f"{decimals(item['attacked_accuracy'])}"
        for name, item in sets
    )
    return [
        Chart(candidate_chart(summary["candidate_sets"]), f"Accuracy by candidates: {sentence}."),
        Table(
            ["candidates", "how many", *(name.replace("_", " ") for name in NUMBERS)],
            [[name, item["n_candidates"], *(item[key] for key in NUMBERS)] for name, item in sets],
            "All from one encoding; success among images that are right when clean. "
            + "; ".join(f"{name}: {item['rule']}" for name, item in sets)
            + ".",
        ),
    ]


def _protocol(section: Mapping[str, Any]) -> list[Block]:
    templates = section["templates"]
    rows = [
        ["clean accuracy", section["clean"]],
        ["attacked accuracy", section["attacked"]],
        ["targeted success", section["targeted_success"]],
        ["mean margin of the object, in logits", section["margin"]],
    ]
    blocks: list[Block] = [
        Paragraph(
            f"{section['definition'].capitalize()}. Candidates: {section['candidates']} "
            f"({section['n_candidates']:,}); templates: {len(templates)}, the first "
            f"“{templates[0]}”; averaging: {section['averaging']}; a tie: {section['ties']}."
        ),
        Paragraph(f"Source: {section['source']}. {section['unknown']}"),
        Table(["measure", "these images"], rows, f"Protocol of {section['title']}, 95 %."),
    ]
    if not section["published"]:
        return [*blocks, Paragraph(f"Published: {published_line(section)}.")]
    published = [
        [
            row["model"],
            row["data"],
            row["n"],
            " to ".join(f"{value:g}" for value in sorted(set(row["percent"]))) + " %",
            row["gap_points"],
            row["why"] or ("agrees" if row["agrees"] else "differs"),
        ]
        for row in section["published"]
    ]
    return [
        *blocks,
        Table(
            ["model", "data", "n", "published", "gap, points", "beside ours"],
            published,
            f"Published {section['measure'].replace('_', ' ')} on attacked images. Numbers of "
            f"the same images agree within {section['tolerance']:g} points.",
        ),
    ]


def _retrieval(retrieval: Mapping[str, Any]) -> list[Block]:
    rows = []
    for direction, title in _DIRECTIONS.items():
        drop = retrieval[f"{direction}_drop"]
        for kind in in_order(retrieval[direction]):
            for k, estimate in sorted(retrieval[direction][kind].items()):
                rows.append([TITLES[kind], f"{title} at {k}", estimate, drop.get(kind, {}).get(k)])
    return [
        Paragraph(retrieval["definition"]),
        Table(
            ["condition", "recall", "share", "clean minus this"],
            rows,
            f"{retrieval['n_images']:,} images and {retrieval['n_texts']:,} class texts, the same "
            "under every condition; differences paired over images or texts, 95 %.",
        ),
    ]
