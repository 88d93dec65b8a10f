"""Findings side by side, so that a page shows all of them at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clipprobe.report.words import need


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One finding: its image, a sentence, and where it leads.

    Attributes:
        title: What it is about, in a few words.
        text: What was found, in one sentence with its number and control.
        blocks: The image of it, as blocks of a page; none that needs a script.
        links: ``(label, href)``.
        width: Of the twelve columns of the grid.
    """

    title: str
    text: str
    blocks: Sequence[Any] = ()
    links: Sequence[tuple[str, str]] = ()
    width: int = 4

    def __post_init__(self) -> None:
        need(self.title, "A card", "title")
        need(self.text, "A card", "sentence")


@dataclass(frozen=True, slots=True)
class Cards:
    """Findings in a grid; one below the other where there is no room."""

    items: Sequence[Card]
