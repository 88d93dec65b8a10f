"""Settings of ``demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Device, ModelName, Output, Random


@dataclass(frozen=True, kw_only=True)
class Demo(Random, Output, Device, ModelName):
    """Run the main job: zero-shot accuracy, an atlas, a typographic audit, a bias report.

    Everything lands in OUT, with OUT/index.html as the page to open. The same command goes on
    where an interrupted one stopped.
    """

    panel: ClassVar[str] = "Demo"
    out: Annotated[str | Path, HOW] = Path("runs/demo")
    concepts: Annotated[int | None, Ge(8), Flag(default="all")] = None
    """Use only the first N concepts."""
