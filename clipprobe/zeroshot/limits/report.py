"""The page of an audit of limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipprobe.report import Block, Page, Paragraph, Section, Table, Warning
from clipprobe.report.numbers import format_number, format_short
from clipprobe.report.sections import how_to_read
from clipprobe.runs import Run
from clipprobe.zeroshot.limits.lead import lead_of, tasks_by_verdict
from clipprobe.zeroshot.limits.matched import CHANCE, MEANINGS

_HEADS = {
    "zero_shot": "zero-shot",
    "image": "image tower",
    "text": "text tower",
    "mapped": "after one map",
    "blind": "texts alone",
}
"""Short, so that the tables fit a page."""
_NUMBERS = {
    "zero_shot": "zero-shot",
    "image": "probe on the image tower",
    "text": "probe on the text tower",
    "mapped": "zero-shot after one linear map",
    "blind": "texts alone, no image",
}
_NOTES = (
    "Every number is on the same items, in the same folds, with the same chance. What is fitted is "
    "scored on pairs of things (or things) that did not fit it, and intervals resample those; "
    "where the question is which thing it is, what is held out is the scene and its sentence, and "
    "intervals resample the things.",
    "The floor is chance + 0.2 (1 - chance). Absent: a probe's whole interval is below it, more "
    "items would not help, and a signal of that strength put into the same vectors is found. "
    "Misaligned: both towers have it, and a linear map between them helps. Undecided: everything "
    "else. Rules and floors were set before any result.",
    "The twin is the same network with random weights. What a probe does not do better than on the "
    "twin comes from the images and the architecture, not from training.",
    "Objects are shared by pairs, so intervals over pairs are somewhat narrow.",
)


def build_page(run: Run, provenance: Mapping[str, Any]) -> Page:
    """The page, from the summary of the run."""
    summary = run.read_json("summary.json")
    return Page(
        title="Limits",
        subtitle=f"{summary['n']['items']:,} questions in {summary['n']['tasks']} tasks.",
        sections=sections_of(summary),
        provenance={**provenance, "settings": run.config},
        lead=lead_of(summary),
    )


def sections_of(summary: Mapping[str, Any]) -> list[Section]:
    """What the page says, from the summary alone."""
    rows = [
        [
            one["task"] + (" (taught)" if one["taught"] else ""),
            one["verdict"]["verdict"],
            f"{one['chance']:.2f}",
            *(_cell(one["verdict"]["numbers"].get(which)) for which in _HEADS),
            one["n"],
        ]
        for one in summary["tasks"]
    ]
    table = Table(
        ["task", "verdict", "chance", *_HEADS.values(), "n"],
        rows,
        "Share right by zero-shot, by a probe on each tower, by zero-shot after one linear map, "
        "and by the texts without an image, with 95 % intervals over pairs or things. Taught: the "
        "images or captions of the bundled model's training show or say such things.",
    )
    by_verdict = tasks_by_verdict(summary["tasks"]).items()
    verdicts = " ".join(f"{name.capitalize()}: {', '.join(tasks)}." for name, tasks in by_verdict)
    return [
        Section("In short", [Paragraph(verdicts), table]),
        *(Section(one["task"].capitalize(), _task(one)) for one in summary["tasks"]),
        how_to_read(_NOTES),
    ]


def _cell(estimate: Any) -> str:
    """Short, and an interval is never torn apart at the end of a line."""
    return format_short(estimate).replace(", ", ",\u00a0")


def _task(one: Mapping[str, Any]) -> list[Block]:
    verdict = one["verdict"]
    sentence = f"{one['question']} Verdict: {verdict['verdict']}."
    if verdict["reason"]:
        sentence += f" {verdict['reason'].capitalize()}."
    blocks: list[Block] = [
        Paragraph(f"{sentence} {one['n']:,} questions on {one['groups']} groups held out in turn.")
    ]
    if beaten := one.get("not_above_twin"):
        blocks.append(
            Warning(
                "Not above the untrained twin: "
                + ", ".join(_NUMBERS[which] for which in beaten)
                + ". Training need not have put it there."
            )
        )
    twin = one.get("twin", {})
    blocks.append(
        Table(
            ["number", "this model", "untrained twin"],
            [
                [title, verdict["numbers"][which], twin.get(which)]
                for which, title in _NUMBERS.items()
                if which in verdict["numbers"]
            ],
            f"The floor is {format_number(verdict['floor'])}.",
        )
    )
    if swapped := one.get("matched"):
        blocks.append(
            Table(
                ["score", "chance", "this model", "untrained twin"],
                [
                    [name, f"{CHANCE[name]:.2f}", estimate, twin.get(name)]
                    for name, estimate in swapped.items()
                ],
                "Two images whose captions swap. "
                + " ".join(
                    f"{name.capitalize()}: {meaning[0].lower()}{meaning[1:]}"
                    for name, meaning in MEANINGS.items()
                ),
            )
        )
    wordings = list(one["by_wording"]["zero_shot"])
    if len(wordings) > 1:
        columns = [which for which in _HEADS if which in one["by_wording"]]
        blocks.append(
            Table(
                ["wording", *(_HEADS[which] for which in columns), "n"],
                [
                    [
                        wording,
                        *(_cell(one["by_wording"][which][wording]) for which in columns),
                        one["by_wording"]["zero_shot"][wording]["n"],
                    ]
                    for wording in wordings
                ],
                "By wording: a number that holds under one wording alone reads the order of "
                "mention, not the relation.",
            )
        )
    return blocks
