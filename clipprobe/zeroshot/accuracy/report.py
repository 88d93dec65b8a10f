"""The page of a zero-shot audit: how often it is right, beside guessing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.report import Block, Lead, Page, Paragraph, Section, Table
from clipprobe.report.numbers import format_cell, format_number
from clipprobe.report.opening import side_by_side
from clipprobe.report.sections import how_to_read, in_short
from clipprobe.report.words import counted, is_defined, percent, reason_of, share, side_of
from clipprobe.runs import Run

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


def lead_of(summary: Mapping[str, Any]) -> Lead:
    """The verdict of a zero-shot audit, from its summary."""
    items = {item["name"]: item for item in summary["headline"]}
    right, n = items["zero_shot"]["estimate"], summary["n"]
    guessing = 1 / max(1, n["classes"])
    if not is_defined(right):
        verdict = f"How often it is right cannot be said: {reason_of(right)}"
    elif side_of(right, guessing) > 0:
        verdict = (
            f"The best of {n['classes']:,} texts is the right one for {counted(right)} images "
            f"({percent(right)})"
        )
    else:
        verdict = (
            f"It is not shown to do better than guessing among {n['classes']:,} texts "
            f"({counted(right)} images right)"
        )
    shares = [item for item in summary["headline"] if item["name"] != "calibration_error"]
    evidence = f"{share(right)}; guessing gives {100 * guessing:.2g} %."
    error, floor = items.get("calibration_error"), summary["calibration"]["floor"]
    if error is not None and is_defined(error["estimate"]) and floor is not None:
        evidence += (
            f" Its own shares miss the rate of right answers by {share(error['estimate'])} on "
            f"average; those of a perfect model would by {100 * floor:.0f} % on so few images."
        )
    return Lead(
        verdict=verdict,
        evidence=evidence,
        figure=side_by_side(
            shares,
            axis="share of the images, with 95 % intervals",
            mark=("guessing", guessing),
        ),
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
