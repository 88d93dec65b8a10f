"""Settings of ``pretrain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge
from pydantic.dataclasses import dataclass

from clipprobe.settings import HOW, Flag
from clipprobe.settings.shared import Device, Random


@dataclass(frozen=True, kw_only=True)
class Pretraining(Device, Random):
    """Train a CLIP; the same command goes on where a killed one stopped.

    Writes checkpoints, a log and its curves (training.html) to OUT and the finished checkpoint
    folder to OUT/model.
    """

    panel: ClassVar[str] = "Training"
    out: Annotated[Path, HOW]
    """The folder for the checkpoint."""
    recipe: Annotated[str, Flag(choices="clipprobe.pretraining.recipe:RECIPES")] = "emoji-clip"
    """emoji-clip, the bundled model's."""
    pairs: Path | None = None
    """Train the recipe's towers on your own pairs: a table with file_name and caption."""
    steps: Annotated[int, Ge(1)] = 9000
    """Optimizer steps of about 150 images."""
    workers: Annotated[int, Ge(1), HOW] = 1
    """Processes that draw images beside the training."""
    continue_from: Path | None = None
    """Begin with the finished weights and the tokenizer of this checkpoint folder."""
    at_step: Annotated[int, Ge(1)] = 9000
    """The recipe's step that --continue-from goes on at."""
