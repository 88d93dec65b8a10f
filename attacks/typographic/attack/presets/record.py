"""The record of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How one paper, or one kind of real attack, writes its word."""

    name: str
    knobs: Mapping[str, Any]
    """Fields of :class:`TypographicAttack`."""
    source: str
    """The paper or code that it follows."""
    note: str
    """What of it is published, and what is our choice."""
    pixels: int | None = None
    """Side in pixels of the image that the original wrote on; None where it varied. Sizes are
    fractions, so that they mean the same on another image."""
