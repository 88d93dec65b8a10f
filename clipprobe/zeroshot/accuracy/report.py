"""The page of a zero-shot audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.report import Block, Page, Paragraph, Section, Table
from clipprobe.report.numbers import format_cell, format_number
from clipprobe.report.sections import how_to_read, in_short
from clipprobe.runs import Run
from clipprobe.zeroshot.accuracy.lead import lead_of

_CHANGES = {
    "alone": ("one template alone", "The accuracy with this template alone, minus with all."),
    "without": ("one template left out", "The accuracy without this template, minus with all."),
    "renamed": ("one class renamed", "All images, the class under the other name, minus as it is."),
    "absent": (
        "one class not offered",
        "Images of the other classes, without this class as an answer, minus with it: what the "
        "name takes from them.",
    ),
}
_NOTES = (
    "Differences are paired: the same images, with one text changed. Templates and names were not "
    "chosen on other images, so picking the best of a table here flatters it: confirm it on images "
    "that did not choose.",
    "The temperature is fitted on one half of the images and the calibration error is measured on "
    "the other. Even a calibrated model has an error above 0 in a finite sample: the floor is the "
    "mean error of answers drawn from the shares themselves.",
)


def build_page(run: Run, provenance: Mapping[str, Any]) -> Page:
    """The page, from the summary of the run."""
    summary = run.read_json("summary.json")
    n = summary["n"]
    return Page(
        title="Zero-shot audit",
        subtitle=f"{n['images']:,} images, {n['classes']:,} classes, {n['templates']:,} templates.",
        sections=sections_of(summary),
        provenance={**provenance, "settings": run.config},
        lead=lead_of(summary),
    )


def sections_of(summary: Mapping[str, Any]) -> list[Section]:
    """What the page says, from the summary alone."""
    sections = [
        in_short(summary),
        Section(
            "Are its shares to be believed",
            _calibration(summary["calibration"]),
            short="Calibration",
        ),
    ]
    if "confused" in summary:
        sections.append(Section("Classes", _classes(summary)))
        sections.append(Section("What its texts do", list(_texts(summary)), short="Texts"))
    sections.append(how_to_read(_NOTES))
    return sections


def _calibration(figures: Mapping[str, Any]) -> list[Block]:
    return [
        Paragraph(
            f"Divided by the temperature {format_number(figures['temperature'])}, the error is "
            f"{format_cell(figures['error_at_temperature'])}; the floor of a sample of this size "
            f"is {format_number(figures['floor'])}."
        ),
        Table(
            ["mean share", "right", "images"],
            figures["bins"],
            "Images by the share of their best class, in 15 bins of equal width; empty ones are "
            "left out.",
        ),
    ]


def _classes(summary: Mapping[str, Any]) -> list[Block]:
    return [
        Table(
            ["class", "recall"],
            [[one["class"], one["recall"]] for one in summary["worst_classes"]],
            "The classes with the lowest recall; classes.csv has all.",
        ),
        Table(
            ["label", "answer", "images"],
            [[one["label"], one["answer"], one["n"]] for one in summary["confused"]],
            "The most frequent mistakes; confusion.csv has all.",
        ),
    ]


def _texts(summary: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    for change, (title, meaning) in _CHANGES.items():
        if rows := summary[f"texts_{change}"]:
            new = any(one["new"] for one in rows)
            blocks.append(
                Table(
                    [title, *(["in its place"] if new else []), "difference of accuracy"],
                    [
                        [one["text"], *([one["new"] or None] if new else []), one["difference"]]
                        for one in rows
                    ],
                    f"{meaning} Largest first; text_effects.csv has all.",
                )
            )
    return blocks
