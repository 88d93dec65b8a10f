"""What a section of a unit sheet may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipprobe.hooks.units import Site
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.atlas.unit import Unit
    from clipprobe.neurons.instruments.rows import UnitRows
    from clipprobe.neurons.sheet.evidence import Evidence
    from clipprobe.runs import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetContext:
    """What a section may use.

    Attributes:
        atlas, site, unit: The unit and where it comes from.
        evidence: The runs of other instruments.
        views: What each says about the unit, by name of the instrument.
        command: The command that writes this sheet again.
        side: Longest side of a picture in pixels.
    """

    atlas: Atlas
    site: Site
    unit: Unit
    evidence: Evidence
    views: Mapping[str, list[tuple[RunView, list[UnitRows]]]]
    command: str
    side: int
