"""Sections that every report has, from the summary of its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clipprobe.report.page import Block, Numbers, Paragraph, Section, Warning


def in_short(summary: Mapping[str, Any], *more: Block) -> Section:
    """What a reader must know first: the warnings, then the headline, then ``more``."""
    numbers = [
        (item["name"].replace("_", " "), item["estimate"], item["meaning"])
        for item in summary["headline"]
    ]
    blocks = [*map(Warning, summary["warnings"]), Numbers(numbers), *more]
    return Section("In short", blocks, short="Key numbers")


def how_to_read(notes: Iterable[str]) -> Section:
    """The notes that close a report."""
    blocks = [Paragraph(text) for text in notes]
    return Section("How to read this", blocks, short="Limits")


def settings_rows(config: Mapping[str, Any], *left_out: str) -> dict[str, Any]:
    """The settings of a run for its last section: without the model, and classes as their number.

    Args:
        left_out: Other settings that are too long to be shown.
    """
    settings = {k: v for k, v in config.items() if k not in ("model", "synonyms", *left_out)}
    return {k: len(v) if k == "classes" else v for k, v in settings.items()}
