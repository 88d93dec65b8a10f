"""Settings of the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Output, Progress, Random

#: Plain people of each perceived gender and skin tone.
PEOPLE_PER_CELL = 24
#: How words are written on the pictures.
LETTERING: dict[str, Any] = {
    "size": 0.28,
    "background": "white",
    "color": "black",
    "outline": None,
}


@dataclass(frozen=True, kw_only=True)
class Demo(Progress, Random, Output):
    """Run the main job: zero-shot audits, an atlas, a typographic audit, a bias report.

    Everything lands in OUT, with OUT/index.html as the page to open. The same command goes on
    where an interrupted one stopped.
    """

    panel: ClassVar[str] = "Demo"
    out: Annotated[str | Path, HOW] = Path("runs/demo")
    concepts: Annotated[int | None, Ge(8), Flag(default="all")] = None
    """Use only the first N concepts."""
    people_per_cell: Annotated[int, Ge(1), Flag(where="python")] = PEOPLE_PER_CELL
    """Plain people of each perceived gender and skin tone."""
