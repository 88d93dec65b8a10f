"""Settings of ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from clipprobe.models.settings import ModelArgument
from clipprobe.settings import HOW


@dataclass(frozen=True, kw_only=True)
class Evaluation(ModelArgument):
    """The numbers of the model card, measured again: sight, reading, scenes, neurons, planted.

    Deterministic. What was planted is asked only of models that have the recipe's planted.json
    beside their weights.
    """

    panel: ClassVar[str] = "Evaluation"
    out: Annotated[Path | None, HOW] = None
    """Write the numbers here too, as JSON."""
    neurons: bool = True
    """Count neurons that tell one concept in every modality, which takes most of the time."""
