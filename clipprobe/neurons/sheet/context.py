"""What a section of a unit sheet may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from clipprobe.hooks.units import Site
    from clipprobe.neurons.atlas.atlas import Atlas
    from clipprobe.neurons.atlas.unit import Unit
    from clipprobe.neurons.instruments.instrument import Instrument
    from clipprobe.neurons.instruments.rows import UnitRows, Verdict
    from clipprobe.neurons.sheet.evidence import Evidence
    from clipprobe.runs import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetContext:
    """What a section may use.

    Attributes:
        atlas, site, unit: The unit and where it comes from.
        evidence: The runs of other instruments.
        views: What each says about the unit, by name of the instrument.
        verdicts: Instrument, run and what it says in a sentence, in the order of a sheet.
        maps: Number of an image -> the activation on its patches; empty without the model.
        command: The command that writes this sheet again.
        folder: Where the sheet goes; None where nobody knows.
        typed: How places are written on command lines.
        near: Whether what lies around counts: other sheets in the folder.
        others: Units whose sheets go there too.
        side: Longest side of an image in pixels.
    """

    atlas: Atlas
    site: Site
    unit: Unit
    evidence: Evidence
    views: Mapping[str, list[tuple[RunView, list[UnitRows]]]]
    verdicts: Sequence[tuple[Instrument, RunView, Verdict]]
    maps: Mapping[int, NDArray[np.float32]]
    command: str
    folder: Path | None
    typed: Callable[[Path], object]
    near: bool
    others: Sequence[str]
    side: int
