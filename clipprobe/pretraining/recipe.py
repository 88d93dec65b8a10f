"""Everything that fixes a training run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from clipprobe.pretraining.model import Shape
from clipprobe.pretraining.pairs import PairSpec
from clipprobe.pretraining.samples import BatchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training run, but for its length."""

    name: str
    shape: Shape
    data: BatchSpec | PairSpec
    seed: int = 0
    tokenizer_batches: int = 80
    """Batches whose captions teach the tokenizer."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warm_up_steps: int = 200
    decay_share: float = 0.35
    """Last share of the steps, over which the learning rate falls as a cosine."""
    whole_share: float = 0.06
    """Last share of the steps, in which the vision tower sees every patch."""
    letter_weight: float = 1.0
    letter_block: int = 3
    """Vision blocks below the letter head."""
    curriculum_every: int = 10
    """Steps between decisions about the difficulty of words."""
    curriculum_step: float = 0.01
    curriculum_accuracy: float = 0.6
    """Share of a batch's words matched to their captions before the next step is taken."""

    def learning_rate_at(self, step: int, steps: int) -> float:
        """Warm-up, plateau, cosine to zero."""
        decay_from = round(steps * (1 - self.decay_share))
        if step < self.warm_up_steps:
            return self.learning_rate * (step + 1) / self.warm_up_steps
        if step < decay_from:
            return self.learning_rate
        done = (step - decay_from) / max(1, steps - decay_from)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def drops_patches_at(self, step: int, steps: int) -> bool:
        """Whether the vision tower sees a part of the patches only."""
        return step < steps * (1 - self.whole_share)

    def letter_weight_at(self, step: int, steps: int) -> float:
        """Constant, then linearly to zero over the first half of the decay."""
        decay_from = steps * (1 - self.decay_share)
        faded = (step - decay_from) / max(1.0, steps * self.decay_share / 2)
        return self.letter_weight * min(1.0, max(0.0, 1 - faded))

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data."""
        return asdict(self)


def emoji_clip(seed: int = 0) -> Recipe:
    """The recipe of the bundled model."""
    return Recipe(name="emoji-clip", shape=Shape(), data=BatchSpec(seed=seed), seed=seed)


def on_pairs(recipe: Recipe, pairs: PairSpec) -> Recipe:
    """``recipe`` on a user's own pairs: the same towers and schedule, no letters to name."""
    return replace(recipe, name=f"{recipe.name} on pairs", data=pairs, letter_weight=0.0)


#: Every recipe, by name: a function of the seed.
RECIPES: dict[str, Callable[[int], Recipe]] = {"emoji-clip": emoji_clip}
