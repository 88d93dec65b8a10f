"""How images of the second renderer are asked about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from clipprobe.pretraining.evaluation.ability import Ability, Floats
from clipprobe.statistics import Estimate, wilson

if TYPE_CHECKING:
    from clipprobe.models import Clip

#: Samples other images than any other evaluation does.
SEED = 40_000
Answers = npt.NDArray[np.int64]


def rng_of(task: int, index: int) -> np.random.Generator:
    """The random numbers of one image: they depend on the task and its number alone."""
    return np.random.default_rng([SEED, task, index])


def scores(clip: Clip, images: Iterable[Image.Image], classifier: Floats) -> Floats:
    """Cosines, ``(n_images, n_classes)``."""
    vectors = clip.encode_images(images, batch_size=64)
    cosines: Floats = vectors @ classifier.T
    return cosines


def share(name: str, meaning: str, right: npt.NDArray[np.bool_]) -> Ability:
    """A share of right answers with its Wilson interval."""
    return measured(name, meaning, wilson(int(right.sum()), len(right)))


def measured(name: str, meaning: str, estimate: Estimate) -> Ability:
    """An ability of this part of the card."""
    return Ability(name=f"other_{name}", meaning=meaning, estimate=estimate)
