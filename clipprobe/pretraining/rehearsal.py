"""What a training run would take: a few of its steps are taken in a folder that is thrown away."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipprobe.lines import about
from clipprobe.models.checkpoints.loading import resolve_device
from clipprobe.pretraining.export import read_log
from clipprobe.pretraining.recipe import Recipe
from clipprobe.pretraining.run import has_fast_bf16
from clipprobe.pretraining.training.begin import Begin, check_length, refuse_other_recipe
from clipprobe.pretraining.training.train import Progress, train
from clipprobe.runs.jsonio import AsJson

N_STEPS = 4
"""Steps that are taken; the first, which waits for its images, does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRehearsal(AsJson):
    """What a training run would do.

    ``recipe``, ``out``: of the run. ``done``, ``steps``: steps in the folder now, and at the end.
    ``images_per_step``, ``seconds_per_step``: of the steps that were tried.
    """

    recipe: str
    out: str
    done: int
    steps: int
    images_per_step: float
    seconds_per_step: float

    @property
    def seconds(self) -> float:
        """Of the steps that are left."""
        return (self.steps - self.done) * self.seconds_per_step

    def text(self) -> str:
        """The same as lines for people."""
        left = self.steps - self.done
        begins = f"goes on at step {self.done:,} in" if self.done else "a new run in"
        return "\n".join(
            [
                f"run         training of {self.recipe}, {begins} {self.out}",
                f"encodings   {left:,} steps of about {self.images_per_step:.0f} images, forward "
                "and backward",
                f"time        about {about(self.seconds)}: {self.seconds_per_step:.2g} s per "
                f"step, measured just now on {N_STEPS - 1} steps; later ones draw other images, "
                "and the numbers of the model card come on top",
                "Nothing was written.",
            ]
        )


def rehearse_training(
    recipe: Recipe,
    out: Path,
    *,
    steps: int,
    workers: int = 1,
    device: str = "auto",
    begin: Begin | None = None,
) -> TrainingRehearsal:
    """What :func:`clipprobe.pretraining.run.pretrain` would do with the same arguments.

    Raises:
        RunFolderError: ``out`` holds a run of another recipe.
        ConfigError: the device is unknown or absent, or no step would be taken.
    """
    check_length(begin, steps)
    refuse_other_recipe(out, recipe, begin)
    place = resolve_device(device)
    log = out / "log.jsonl"
    first = 0 if begin is None else begin.step
    done = max([first, *(int(entry["step"]) + 1 for entry in read_log(log))]) if log.exists() else 0
    times, sizes = list[float](), list[float]()

    def tell(_: Progress, figures: dict[str, float]) -> None:
        times.append(time.perf_counter())
        sizes.append(figures["n_images"])

    with tempfile.TemporaryDirectory(prefix="clipprobe-") as folder:
        train(
            recipe,
            Path(folder),
            steps=first + N_STEPS,
            workers=workers,
            device=str(place),
            bf16=has_fast_bf16(place.type),
            begin=begin,
            on_step=tell,
        )
    return TrainingRehearsal(
        recipe=recipe.name,
        out=str(out),
        done=max(done, first),
        steps=steps,
        images_per_step=float(np.mean(sizes)),
        seconds_per_step=float(np.median(np.diff(times))),
    )
